module stealpool-peers

go 1.21

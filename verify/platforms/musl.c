// What LLVM's unwinder, built against glibc with checks, does not find in musl.
#include <stdarg.h>
#include <stdio.h>
int __vfprintf_chk(FILE *to, int flag, const char *format, va_list values) { return vfprintf(to, format, values); }
int __vsnprintf_chk(char *to, size_t most, int flag, size_t room, const char *format, va_list values) {
  return vsnprintf(to, most, format, values);
}

//! Values of the standard library are like new after they are recycled, and weigh what they have room for.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::ffi::OsString;
use std::io::Cursor;
use std::path::PathBuf;
use stealpool::Recycle;

fn recycled<T: Recycle>(mut value: T) -> T {
    value.recycle();
    value
}

#[test]
fn collections_are_emptied_and_keep_their_room() {
    let vec = recycled(vec![1u32; 100]);
    assert!(vec.is_empty() && vec.footprint() >= 400);
    let deque = recycled(VecDeque::from(vec![1u64; 10]));
    assert!(deque.is_empty() && deque.footprint() >= 80);
    let heap = recycled(BinaryHeap::from(vec![1u16; 10]));
    assert!(heap.is_empty() && heap.footprint() >= 20);
    let map = recycled(HashMap::from([(1u32, 2u32), (3, 4)]));
    assert!(map.is_empty() && map.footprint() >= 16);
    let set = recycled(HashSet::from([1u8, 2, 3]));
    assert!(set.is_empty() && set.footprint() >= 3);
    let string = recycled("hello".to_string());
    assert!(string.is_empty() && string.footprint() >= 5);
    let os = recycled(OsString::from("hello"));
    assert!(os.is_empty() && os.footprint() >= 5);
    let path = recycled(PathBuf::from("/tmp"));
    assert!(path.as_os_str().is_empty() && path.footprint() >= 4);
}

#[test]
fn trees_and_lists_keep_nothing() {
    assert!(recycled(BTreeMap::from([(1, 2)])).is_empty());
    assert!(recycled(BTreeSet::from([1])).is_empty());
    let list = recycled(LinkedList::from([1]));
    assert!(list.is_empty());
    assert_eq!(list.footprint(), size_of_val(&list));
}

#[test]
fn wrappers_recycle_what_they_hold() {
    let mut cursor = Cursor::new(vec![1, 2, 3]);
    cursor.set_position(2);
    let cursor = recycled(cursor);
    assert_eq!((cursor.position(), cursor.get_ref().len()), (0, 0));
    assert!(cursor.footprint() >= 3);
    let boxed = recycled(Box::new(vec![1u8; 9]));
    assert!(boxed.is_empty() && boxed.footprint() >= 9);
    let (a, b) = recycled((vec![1u8; 9], String::from("abc")));
    assert!(a.is_empty() && b.is_empty());
    assert!((a, b).footprint() >= 12);
}

#[test]
fn zero_sized_elements_weigh_nothing() {
    assert_eq!(vec![(); 5].footprint(), 0);
    assert_eq!(().footprint(), 0);
}

//! The list of all contenders.

use crate::anew::Anew;
use crate::owned;
use crate::peers::{Deadpool, Linear, ObjectPool, Opool, Poolshark, Regex, Slab, Zeropool};
use crate::reserve::Reserved;
use crate::shelf::{Boxes, Local, NoPool, PerThread, Shelf, Stealpool};
use crate::thing::{Buffer, Thing};
use crossbeam_queue::{ArrayQueue, SegQueue};
use std::alloc::System;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Mutex;

/// Does something with each contender.
pub trait Visitor<T: Thing> {
    fn visit<S: Shelf<T>>(&mut self);
}

/// Does something with each contender whose guards may be dropped on another thread.
pub trait SendVisitor<T: Thing> {
    fn visit<S>(&mut self)
    where
        S: Shelf<T>,
        for<'a> S::Lent<'a>: Send;
    /// One whose guards may not.
    fn absent(&mut self, contender: &'static str, why: &str);
}

/// Those who can pool anything, and the allocators.
pub fn all<T>(visitor: &mut impl Visitor<T>)
where
    T: Thing + UnwindSafe + RefUnwindSafe,
{
    all_pools(visitor);
    visitor.visit::<NoPool<System>>();
    visitor.visit::<NoPool<mimalloc::MiMalloc>>();
    visitor.visit::<NoPool<tikv_jemallocator::Jemalloc>>();
    visitor.visit::<NoPool<snmalloc_rs::SnMalloc>>();
}

/// Those who can pool anything, and an object made anew each time, where it is more than its memory.
pub fn all_or_anew<T>(visitor: &mut impl Visitor<T>)
where
    T: Thing + UnwindSafe + RefUnwindSafe,
{
    all_pools(visitor);
    visitor.visit::<Anew>();
}

fn all_pools<T>(visitor: &mut impl Visitor<T>)
where
    T: Thing + UnwindSafe + RefUnwindSafe,
{
    visitor.visit::<Stealpool<T, false>>();
    visitor.visit::<Stealpool<T, true>>();
    visitor.visit::<Boxes<Local>>();
    visitor.visit::<Boxes<PerThread<T>>>();
    visitor.visit::<Boxes<Mutex<Vec<Box<T>>>>>();
    visitor.visit::<Boxes<ArrayQueue<Box<T>>>>();
    visitor.visit::<Boxes<SegQueue<Box<T>>>>();
    visitor.visit::<ObjectPool<T>>();
    visitor.visit::<Linear<T>>();
    visitor.visit::<Opool<T>>();
    visitor.visit::<Slab<T>>();
    visitor.visit::<Regex<T>>();
    visitor.visit::<Deadpool<T>>();
}

/// Those whose guards hold the pool by an `Arc`, and ours that need not.
pub fn all_owned<T: Thing>(visitor: &mut impl Visitor<T>) {
    visitor.visit::<owned::Stealpool<T>>();
    visitor.visit::<owned::Leaked<T>>();
    visitor.visit::<owned::ObjectPool<T>>();
    visitor.visit::<owned::Linear<T>>();
    visitor.visit::<owned::Opool<T>>();
    visitor.visit::<owned::Slab<T>>();
    visitor.visit::<Deadpool<T>>();
}

/// Those who can pool vectors.
pub fn all_of_vectors<const N: usize>(visitor: &mut impl Visitor<Buffer<N>>) {
    all::<Buffer<N>>(visitor);
    visitor.visit::<Poolshark>();
    visitor.visit::<Zeropool>();
    visitor.visit::<Reserved>();
}

/// Those whose guards may move to another thread.
pub fn all_that_move<const N: usize>(visitor: &mut impl SendVisitor<Buffer<N>>) {
    visitor.visit::<Stealpool<Buffer<N>, false>>();
    visitor.visit::<Stealpool<Buffer<N>, true>>();
    visitor.visit::<Boxes<Local>>();
    visitor.visit::<Boxes<PerThread<Buffer<N>>>>();
    visitor.visit::<Boxes<Mutex<Vec<Box<Buffer<N>>>>>>();
    visitor.visit::<Boxes<ArrayQueue<Box<Buffer<N>>>>>();
    visitor.visit::<Boxes<SegQueue<Box<Buffer<N>>>>>();
    visitor.visit::<ObjectPool<Buffer<N>>>();
    visitor.visit::<Linear<Buffer<N>>>();
    visitor.visit::<Opool<Buffer<N>>>();
    visitor.visit::<Regex<Buffer<N>>>();
    visitor.visit::<Deadpool<Buffer<N>>>();
    visitor.visit::<Poolshark>();
    visitor.visit::<Zeropool>();
    visitor.visit::<Reserved>();
    visitor.absent("sharded-slab", "guards stay on their thread");
    visitor.visit::<NoPool<System>>();
    visitor.visit::<NoPool<mimalloc::MiMalloc>>();
    visitor.visit::<NoPool<tikv_jemallocator::Jemalloc>>();
    visitor.visit::<NoPool<snmalloc_rs::SnMalloc>>();
}

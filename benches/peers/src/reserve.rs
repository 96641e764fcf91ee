//! The reuse that `bytes` has by itself: `reserve` takes the memory back, once all parts that were split off are gone.

use crate::shelf::{Held, Shelf};
use crate::thing::{Buffer, touch_uninit};
use bytes::BytesMut;
use std::cell::RefCell;
use thread_local::ThreadLocal;

/// A `BytesMut` for each thread, as each connection has one.
pub struct Reserved(ThreadLocal<RefCell<BytesMut>>);

impl<const N: usize> Shelf<Buffer<N>> for Reserved {
    const NAME: &'static str = "BytesMut::reserve, one a thread";
    const TELLS: bool = false;
    type Lent<'a> = BytesMut;
    fn new() -> Self {
        Reserved(ThreadLocal::new())
    }
    #[inline]
    fn get(&self) -> BytesMut {
        let mut whole = self.0.get_or_default().borrow_mut();
        whole.reserve(N);
        whole.split_off(0)
    }
}

impl Held for BytesMut {
    #[inline]
    fn touch(&mut self) {
        touch_uninit(self.spare_capacity_mut());
    }
}

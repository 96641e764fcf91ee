//! How deep an owner's private slot may be, and what the budget lends it for that.
//!
//! A slot of a pool with bounds is as deep as it is lent places. What it is lent and does not use counts
//! against the bounds, so its owner gives it back before anything of its own is refused, and a cycle
//! takes it back from an owner that has no use for it any more.

use super::Engine;
use crate::allowance::Allowance;
use crate::private::HEAVY;
use crate::worker::Owner;

impl<T> Engine<T> {
    /// The owner may keep more at hand: so many for as many as it may now.
    pub(super) fn deepen(&self, me: Owner<'_, T>, grown: impl FnOnce(u16) -> u16) {
        let now = self.depth(me);
        let wanted = grown(now).min(self.deepest);
        if now < wanted && self.lend_depth(me, wanted) {
            me.worker().private.set_depth(wanted);
            self.registry.announce_depth(me);
        }
    }

    /// How many objects the owner may keep at hand: its slot's depth, as far as the budget has lent it.
    fn depth(&self, me: Owner<'_, T>) -> u16 {
        let private = &me.worker().private;
        match private.allowance() {
            // A thread that only takes: what comes up brings its allowance along.
            _ if !self.lends => private.depth(),
            Allowance::NOTHING => private.depth(),
            lent => private.depth().min(lent.objects() as u16),
        }
    }

    /// Has the budget lend a slot what it needs to be so deep, if it lends at all.
    fn lend_depth(&self, me: Owner<'_, T>, depth: u16) -> bool {
        let (old, objects) = (me.worker().private.allowance(), u64::from(depth));
        if !self.lends || old.objects() >= objects {
            return true;
        }
        if old == Allowance::NOTHING {
            return true;
        }
        // As large as those so far, and no more of them than a chain may weigh.
        let each = old.bytes() / old.objects();
        let objects = objects.min(HEAVY.checked_div(each).unwrap_or(objects));
        objects > old.objects() && self.lend(me, objects, each * objects)
    }

    /// Has the budget lend a slot so much at least, if it lends at all.
    pub(super) fn lend(&self, me: Owner<'_, T>, objects: u64, bytes: u64) -> bool {
        let old = me.worker().private.allowance();
        let new = old.raised_to(objects, bytes);
        if !self.lends || old == new {
            return true;
        }
        if !self.budget.lend(old, new) {
            return false;
        }
        let raised = me.raise_private(old, new);
        if !raised {
            self.budget.unlend(old, new);
        }
        raised
    }

    /// Gives back what an owner's slot is lent and does not use.
    pub(super) fn shrink(&self, me: Owner<'_, T>) {
        if let Some((old, new)) = me.shrink_private() {
            self.budget.unlend(new, old);
            me.worker().private.set_depth(1);
        }
    }
}

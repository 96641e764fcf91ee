#!/usr/bin/env python3
"""Weakens one ordering, fence or check at a time in a scratch copy, and expects a model or a unit test to fail.

usage: loom-tests/mutants.py [NAME...]     from the root of the checkout; takes about 20 s a mutant
       loom-tests/mutants.py --check       only whether each text is still where the list says

Each line of MUTANTS is a name, a file, a text that occurs there once, and what replaces it. The unit tests come
first: they are quick, and in models magazines are too small for chains of several objects. A mutant that nothing
kills is a missing test, or stands in SURVIVORS.md with the reason why none can.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

MUTANTS = [
    ("gate opened Relaxed", "src/engine/held.rs", "gate.store(gate, Release)", "gate.store(gate, Relaxed)"),
    ("gate closed Relaxed", "src/engine/worker.rs", ".compare_exchange(gate, closed, Acquire, Relaxed)", ".compare_exchange(gate, closed, Relaxed, Relaxed)"),
    ("no claim", "src/engine/worker.rs", "            won.ok()?;\n            point(\"worker: claimed\");", "            point(\"worker: claimed\");"),
    ("gate not looked at again", "src/engine/worker.rs", "if self.worker.magazine.gate.load(Acquire) != STOPPED {", "if false {"),
    ("claim given back by nobody", "src/engine/held.rs", "        if self.state & CLAIMED != 0 {\n", "        if false {\n"),
    ("claim given back after the gate", "src/engine/held.rs", "        if self.state & CLAIMED != 0 {\n            self.worker.unclaim();\n            point(\"worker: unclaimed\");\n        }\n        // Release: pairs with the Acquire of whoever closes it next.\n        let gate = OPEN | u64::from(self.capacity());\n        self.worker.magazine.gate.store(gate, Release);\n", "        let gate = OPEN | u64::from(self.capacity());\n        self.worker.magazine.gate.store(gate, Release);\n        if self.state & CLAIMED != 0 {\n            self.worker.unclaim();\n        }\n"),
    ("late for a gate, and gone", "src/engine/worker.rs", "            self.capacity()?;\n        }\n", "            return None;\n        }\n"),
    ("claim given back without a fence", "src/engine/worker.rs", "        fence(SeqCst);\n", ""),
    ("late after the barrier, and gone", "src/engine/cycle.rs", "None => late = true,", "None => {}"),
    ("no barrier", "src/engine/cycle.rs", "if self.needs_barrier() && !rseq::restart() {", "if false {"),
    ("arrivals ignored", "src/engine/cycle.rs", "Age::Idle { since } if since == held.worker().arrivals() as u32 => {", "Age::Idle { since } if since == since => {"),
    ("refills are no arrivals", "src/engine/worker.rs", "counted.wrapping_add(self.refills.get())", "counted"),
    ("later cycle's note ignored", "src/engine/cycle.rs", "if (cycle.wrapping_sub(seen_cycle) as i32) <= 0 {", "if false {"),
    ("victims not emptied", "src/engine/cycle.rs", "        self.drain_slots(victims, Some(cycle), &mut Quota::unlimited(), dead);\n", ""),
    ("turned twice", "src/engine/generation.rs", ".compare_exchange(cycle, cycle + 1, Relaxed, Relaxed).is_ok()", ".fetch_add(1, Relaxed) == cycle"),
    ("tail never taken", "src/engine/cycle.rs", "(worker.census().0 > 1 || self.has_share", "(worker.census().0 > 9 || self.has_share"),
    ("tail leaves the newest twice", "src/engine/cycle.rs", "held.take_oldest(held.len().saturating_sub(1))", "held.take_oldest(held.len())"),
    ("refund of a refill left out", "src/engine/take.rs", "        self.budget.refund(objects, bytes);\n        rest\n", "        let _ = bytes;\n        rest\n"),
    ("sibling's object counted twice", "src/engine/take.rs", "            other.worker().spilled.add(1);\n", ""),
    ("sibling past the gate", "src/engine/workers.rs", ".filter_map(Worker::try_enter)\n    }", ".map(|worker| unsafe { worker.held(1) })\n    }"),
    ("refusal forgets the object", "src/engine/give.rs", "                refused.add(Chain::of(object));\n            }", "                drop(object);\n            }"),
    ("box published Relaxed", "src/sys/once_box.rs", ".compare_exchange(ptr::null_mut(), made, AcqRel, Acquire)", ".compare_exchange(ptr::null_mut(), made, super::atomic::Ordering::Relaxed, super::atomic::Ordering::Relaxed)"),
    ("box found Relaxed", "src/sys/once_box.rs", "let pointer = self.pointer.load(Acquire);\n        // SAFETY: a non-null", "let pointer = self.pointer.load(super::atomic::Ordering::Relaxed);\n        // SAFETY: a non-null"),
    ("place given back Relaxed", "src/sys/blocks.rs", "self.vacant.fetch_or(1 << index, Release);", "self.vacant.fetch_or(1 << index, Relaxed);"),
    ("place taken Relaxed", "src/sys/blocks.rs", "self.vacant.fetch_update(Acquire, Relaxed, claim)", "self.vacant.fetch_update(Relaxed, Relaxed, claim)"),
    ("entry settled Relaxed", "src/sys/ref_slot.rs", "fetch_add(SETTLED, Release)", "fetch_add(SETTLED, Relaxed)"),
    ("entry taken up Relaxed", "src/sys/ref_slot.rs", "fetch_add(LOOK, Acquire)", "fetch_add(LOOK, Relaxed)"),
    ("entry put down Relaxed", "src/sys/ref_slot.rs", "fetch_sub(LOOK, Release)", "fetch_sub(LOOK, Relaxed)"),
    ("entry left Relaxed", "src/sys/ref_slot.rs", "fetch_add(LEAVING - SETTLED, Release)", "fetch_add(LEAVING - SETTLED, Relaxed)"),
    ("entry emptied Relaxed", "src/sys/ref_slot.rs", "compare_exchange(LEAVING, 0, Acquire, Relaxed)", "compare_exchange(LEAVING, 0, Relaxed, Relaxed)"),
    ("entry: those who look are forgotten", "src/sys/ref_slot.rs", "let left = (before == SETTLED).then(|| self.last_out());", "self.word.fetch_and(!LEAVING, Acquire); let _ = before; let left = Some(unsafe { (*self.content.get()).take() });"),
    ("entry: who looks last goes", "src/sys/ref_slot.rs", "(after == LEAVING).then(|| self.last_out())", "(after == LEAVING).then(|| None)"),
    ("entry: no exchange decides", "src/sys/ref_slot.rs", ".compare_exchange(LEAVING, 0, Acquire, Relaxed).ok()?;", ".swap(0, Acquire);"),
    ("bound ignored", "src/engine/budget.rs", ".filter(|sum| *sum <= self.bound)", ".filter(|_| true)"),
    ("half a charge stays", "src/engine/budget.rs", "    if !both {\n        one.0.refund(one.1);\n    }\n", ""),
    ("half a reservation stays", "src/engine/budget.rs", "        objects.refund(share.objects);\n        bytes.refund(share.bytes);\n        false", "        false"),
    ("a share's content is not charged", "src/engine/budget.rs", "self.refund(share.objects.saturating_sub(objects), ", "self.refund(share.objects, "),
    ("reserved for ever", "src/engine/budget.rs", "        accounts.reserved_objects.refund(share.objects);\n", ""),
    ("reserves beyond half", "src/engine/budget.rs", "    if bound == u64::MAX { bound } else { bound / 2 }", "    bound"),
    ("reclaimed are hits", "src/engine/counters.rs", "spilled.wrapping_add(held + counters.reclaimed.get())", "spilled.wrapping_add(held)"),
    ("heavy ones stay in magazines", "src/engine/give.rs", "if weight > self.share.bytes || self.share.objects == 0 {", "if self.share.objects == 0 {"),
    ("the first sample decides nothing", "src/engine/cost.rs", "if new < EXPENSIVE_AT_ONCE {", "if true {"),
    ("the second creation is not timed", "src/engine/cost.rs", "before == 1 || ", ""),
    ("an expensive magazine stays open", "src/engine/give.rs", "(!self.budget.is_unbounded() || self.cost.is_expensive())", "!self.budget.is_unbounded()"),
    ("a pop keeps the weight", "src/engine/held.rs", "self.set_header(header - magazine::share(self.weight(newest)));", "self.set_header(header - magazine::ONE);"),
    ("a weight is stored nowhere", "src/engine/held.rs", "        magazine.weights[place].store(weight, Relaxed);\n", "        let _ = weight;\n"),
    ("weights stay where they were", "src/engine/held.rs", "                weights[place - count].store(self.weight(place), Relaxed);\n", ""),
    ("push stores the weight of the next", "src/sys/rseq/x86_64.rs", "mov word ptr [{m} + {t}*2 + 16], {weight:x}", "mov word ptr [{m} + {t}*2 + 18], {weight:x}"),
    ("pop keeps the weight", "src/sys/rseq/x86_64.rs", "\"sub {h}, {w}\",", "\"test {w}, {w}\","),
    ("a count is noted nowhere", "src/engine/held.rs", "            self.worker.old_count.add(counted);\n", ""),
    ("a magazine over its capacity", "src/engine/held.rs", "if magazine::length(header) >= self.capacity() as usize {", "if magazine::length(header) >= magazine::CAPACITY {"),
    ("a cycle that is over goes on", "src/engine/cycle.rs", "during.is_none_or(|cycle| self.generation.cycle() == cycle)", "during.is_none_or(|_| true)"),
    ("put back past the bound", "src/engine/cycle.rs", "if quota.is_left() || !self.budget.charge(1, weight) {", "if quota.is_left() {"),
    ("a collector notes nothing", "src/engine/cycle.rs", "        worker.seen.store(u64::from(cycle) << 32 | u64::from(arrivals), Relaxed);\n", ""),
    ("worker published Relaxed", "src/engine/workers.rs", "place.compare_exchange(magazine::none(), made.cast(), AcqRel, Acquire)", "place.compare_exchange(magazine::none(), made.cast(), Relaxed, Relaxed)"),
    ("the second of two makers wins", "src/engine/workers.rs", "            drop(unsafe { Box::from_raw(made) });\n            return None;", "            place.store(made.cast(), Relaxed);"),
    ("claim given back Relaxed", "src/engine/worker.rs", "self.claim.store(0, Release);", "self.claim.store(0, Relaxed);"),
    ("claim taken Relaxed", "src/engine/worker.rs", "self.claim.compare_exchange(0, 1, Acquire, Relaxed)", "self.claim.compare_exchange(0, 1, Relaxed, Relaxed)"),
    ("stop given back by nobody", "src/engine/worker.rs", "        _ = gate.compare_exchange(STOPPED, self.gate, Release, Relaxed);\n", "        let _ = gate;\n"),
    ("a chain's weight is its head's", "src/engine/object/chain.rs", "weight = (weight + bytes).min(Measure::MAX_WEIGHT);", "weight = bytes;"),
    ("share not given back", "src/engine/give.rs", "            self.budget.release(self.share, objects, bytes);\n", ""),
    ("refund left out", "src/engine/take.rs", "        let is_victim = side != primary;\n        self.budget.refund(1, object.weight());\n", "        let is_victim = side != primary;\n"),
    ("refund of a slot left out", "src/engine/take.rs", "        let (object, rest) = claim.chain.take()?.split();\n        self.budget.refund(1, object.weight());\n        claim.chain = match rest {", "        let (object, rest) = claim.chain.take()?.split();\n        claim.chain = match rest {"),
    ("what a cycle takes below stays charged", "src/engine/cycle.rs", "                quota.take(object.weight());\n                self.budget.refund(1, object.weight());\n", "                quota.take(object.weight());\n"),
    ("refused are put", "src/engine/counters.rs", "puts: difference(puts + slots.puts, counters.refused_by_workers.get()),", "puts: puts + slots.puts,"),
    ("put past the worker past the bound", "src/engine/give.rs", "        if self.budget.charge(1, object.weight()) {\n            return", "        if true {\n            return"),
    ("a spill is not counted", "src/engine/give.rs", "        me.worker().spilled.add(chain.len());\n        self.slots", "        self.slots"),
    ("refused are not counted", "src/engine/give.rs", "                self.counters.refused_by_workers.add(1);\n", ""),
    ("expensive ones stay in magazines", "src/engine/give.rs", "        if self.cost.is_expensive() {\n            self.flush(me, self.generation.primary());\n            return false;", "        if false {\n            self.flush(me, self.generation.primary());\n            return false;"),
    ("an expensive magazine is not emptied", "src/engine/give.rs", "            self.flush(me, self.generation.primary());\n            return false;", "            return false;"),
    ("own share is kept before a refusal", "src/engine/give.rs", "        self.flush(me, self.generation.primary());\n        if self.budget.charge(objects, bytes) {", "        if self.budget.charge(objects, bytes) {"),
    ("worker found Relaxed", "src/engine/workers.rs", "let magazine = self.entries().get(index)?.load(Acquire);", "let magazine = self.entries().get(index)?.load(Relaxed);"),
    ("slot used without a claim", "src/engine/slots/slot.rs", "        let chain = won.ok()?;\n", "        let chain = won.unwrap_or(chain);\n"),
    ("slot claimed Relaxed", "src/engine/slots/slot.rs", ".compare_exchange(chain, claimed, AcqRel, Acquire)", ".compare_exchange(chain, claimed, Release, Acquire)"),
    ("slot claimed without Release", "src/engine/slots/slot.rs", ".compare_exchange(chain, claimed, AcqRel, Acquire)", ".compare_exchange(chain, claimed, Acquire, Acquire)"),
    ("a lost claim sees nothing", "src/engine/slots/slot.rs", ".compare_exchange(chain, claimed, AcqRel, Acquire)", ".compare_exchange(chain, claimed, AcqRel, std::sync::atomic::Ordering::Relaxed)"),
    ("slot looked at Relaxed", "src/engine/slots/slot.rs", "self.chain.load(Acquire)", "self.chain.load(std::sync::atomic::Ordering::Relaxed)"),
    ("slot published Relaxed", "src/engine/slots/slot.rs", "slot.chain.store(chain, Release);", "slot.chain.store(chain, std::sync::atomic::Ordering::Relaxed);"),
    ("a claimed slot is taken for a chain", "src/engine/slots/slot.rs", "(chain.addr() != CLAIMED).then_some(chain)", "Some(chain)"),
    ("a chain has no measure", "src/engine/slots/slot.rs", "                slot.measure.set(chain.measure().to_bits());\n", ""),
    ("a slot counts no put", "src/engine/slots/slot.rs", "        self.slot.puts.add(1);\n", ""),
    ("a slot counts no hit", "src/engine/slots/slot.rs", "        self.slot.hits.add(1);\n", ""),
    ("no time to look at the clock", "src/engine/slots/slot.rs", "        self.slot.puts.get() & (SLOT_TICK - 1) == 0", "        self.slot.puts.get() & (SLOT_TICK - 1) == SLOT_TICK"),
    ("creations do not look at the clock", "src/pool/get_put.rs", "let ticks = created.add(1) & (MISS_TICK - 1) == 0;", "let ticks = created.add(1) & (MISS_TICK - 1) == MISS_TICK;"),
    ("misses do not look at the clock", "src/pool/slow_path.rs", "        if missed & (MISS_TICK - 1) == 0 {", "        if missed & (MISS_TICK - 1) == MISS_TICK {"),
    ("a look at the clock ends in no get", "src/pool/slow_path.rs", "        } else if !ticks {\n            return object;", "        } else {\n            return object;"),
    ("nobody looks into later lines", "src/engine/slots.rs", "            for line in lines.iter().filter_map(OnceBox::get).flat_map(Line::and_more) {", "            for line in lines.iter().filter_map(OnceBox::get) {"),
    ("a processor finds nothing in later lines", "src/engine/slots.rs", "self.line(index)?.and_more();", "self.line(index)?.and_more().take(1);"),
    ("a thief overlooks the newest line", "src/engine/slots.rs", "fetch_max(index + 1, Relaxed)", "fetch_max(index, Relaxed)"),
    ("what a claim leaves is lost", "src/engine/take.rs", "        drop(claim);\n", "        claim.chain = None;\n        drop(claim);\n"),
    ("victims come along", "src/engine/take.rs", "            Some(rest) if !is_victim && self", "            Some(rest) if self"),
    ("what is heavy is moved up", "src/engine/take.rs", "            Some(rest) if self.is_private(object.weight()) => match enter() {", "            Some(rest) => match enter() {"),
    ("a second look only at what is free", "src/engine/take.rs", "all(|side| self.slots.is_bare(side))", "all(|side| self.slots.oldest(side, 0).is_none())"),
    ("what a thief does not need is lost", "src/engine/take.rs", "self.slots.move_to(side, index, rest).err()", "self.slots.move_to(side, index, rest).err().filter(|_| false)"),
    ("a step turns though others have victims", "src/engine/cycle.rs", "return self.slots.is_bare(side);", "return true;"),
    ("what a quota leaves is lost", "src/engine/cycle.rs", "claim.chain.take_if(|_| quota.is_left())", "claim.chain.take().filter(|_| quota.is_left())"),
    ("a line loses what it joins", "src/engine/object/chain.rs", "                here.link = below.into_raw().as_ptr();\n", "                drop(below);\n"),
    ("joined without its weight", "src/engine/object/chain.rs", "            let sum = (here.measure.weight() + weight).min(Measure::MAX_WEIGHT);\n", "            let sum = here.measure.weight();\n            let _ = weight;\n"),
    ("a floor holds nothing", "src/engine/cycle.rs", "        for _ in self.idle()..self.min_idle {", "        for _ in 0..0 {"),
    ("a floor is not charged", "src/engine/cycle.rs", "            if !self.budget.charge(1, object.weight()) {\n                dead", "            if false {\n                dead"),
    ("steps keep no floor", "src/engine/cycle.rs", "            self.age_magazines(cycle + 1, dead);\n        }\n        self.keep_floor(dead);\n", "            self.age_magazines(cycle + 1, dead);\n        }\n"),
    ("a chain loses its rest", "src/engine/object/chain.rs", "            node.link = first;\n", "            node.link = ptr::null_mut();\n"),
]


def expected(table):
    """The mutants that no model sees, and why."""
    rows = [line.split(" | ") for line in table.read_text().splitlines() if line.startswith("| ")]
    return {row[0].removeprefix("| "): row[1].removesuffix(" |") for row in rows[1:]}


EXPECTED = expected(pathlib.Path(__file__).with_name("SURVIVORS.md"))


def run(root, name, file, old, new):
    path = root / file
    text = path.read_text()
    # The source is formatted; so that the table need not be, line breaks count as they stand.
    if text.count(old) != 1:
        return f"STALE: {text.count(old)} matches in {file}"
    path.write_text(text.replace(old, new))
    try:
        # To models, sequences are what `model/sequences.rs` says; what the machine runs has tests of its own.
        sequences = ["-p", "stealpool", "--test", "rseq_steps", "--test", "stats"]
        ageing = ["-p", "stealpool", "--test", "ageing", "--test", "panics"]
        others = {"src/sys/rseq": sequences, "src/pool": ageing}
        rest = others.get(str(pathlib.Path(file).parent), ["-p", "stealpool-loom"])
        outcome = outcome_of(["-p", "stealpool", "--lib"], root)
        return outcome if outcome != "SURVIVED" else outcome_of(rest, root)
    finally:
        path.write_text(text)


def outcome_of(tests, root):
    try:
        done = subprocess.run(["cargo", "test", *tests], cwd=root, capture_output=True, text=True, timeout=900)
    except subprocess.TimeoutExpired:
        return "killed by a test that does not end"
    if "could not compile" in done.stderr:
        return "DOES NOT COMPILE"
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith("test ") and "FAILED" in line]
    failed = sorted({words[1] for words in lines if words[1] != "result:"}) or ["an abort"]
    return "killed by " + ", ".join(failed) if done.returncode else "SURVIVED"


def check():
    """Fails if a text is not where the list says, or not once."""
    stale = [(name, file) for name, file, old, _ in MUTANTS if pathlib.Path(file).read_text().count(old) != 1]
    stale += [(name, "SURVIVORS.md") for name in EXPECTED if name not in {mutant[0] for mutant in MUTANTS}]
    for name, file in stale:
        print(f"STALE: {name}: {file}")
    print(f"{len(MUTANTS)} mutants, {len(stale)} stale")
    sys.exit(1 if stale else 0)


def main():
    wanted = sys.argv[1:]
    if wanted == ["--check"]:
        check()
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="mutants-"))
    root = scratch / "checkout"
    shutil.copytree(".", root, ignore=shutil.ignore_patterns("target", ".git"))
    holes = 0
    try:
        for name, file, old, new in MUTANTS:
            if wanted and name not in wanted:
                continue
            outcome = run(root, name, file, old, new)
            if not outcome.startswith("killed"):
                if name in EXPECTED and outcome == "SURVIVED":
                    outcome += f" (expected: {EXPECTED[name]})"
                else:
                    holes += 1
            print(f"{name:34} {outcome}", flush=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(f"{holes} holes")
    sys.exit(1 if holes else 0)


if __name__ == "__main__":
    main()

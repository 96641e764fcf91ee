#!/usr/bin/env python3
"""Weakens one ordering, fence or check at a time in a scratch copy, and expects a model to fail.

usage: loom-tests/mutants.py [NAME...]     from the root of the checkout; takes about 20 s a mutant

Each line of MUTANTS is a name, a file, a text that occurs there once, and what replaces it. A mutant
that no model kills is a missing model, or stands in SURVIVORS.md with the reason why none can.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

MUTANTS = [
    ("light fence", "src/private.rs", "        fence::light();\n", ""),
    ("claim seen Relaxed", "src/private.rs", "self.claim.load(Acquire)", "self.claim.load(Relaxed)"),
    ("claim not looked at", "src/private.rs", "self.claim.load(Acquire) == 0", "true"),
    ("slot handed over Relaxed", "src/private.rs", "self.inside.store(0, Release)", "self.inside.store(0, Relaxed)"),
    ("owner outside seen Relaxed", "src/private.rs", "self.inside.load(Acquire)", "self.inside.load(Relaxed)"),
    ("owner inside ignored", "src/private/collector.rs", "self.is_inside() || still", "still"),
    ("arrivals ignored", "src/private/collector.rs", "still.is_some_and(|still| still != self.arrivals() as u32)", "still.is_some_and(|_| false)"),
    ("claim given back Relaxed", "src/private/collector.rs", "self.claim.store(0, Release)", "self.claim.store(0, Relaxed)"),
    ("claim taken Relaxed", "src/private/collector.rs", "(0, 1, Acquire, Relaxed)", "(0, 1, Relaxed, Relaxed)"),
    ("heavy fence", "src/cycle.rs", "let fenced = fence::heavy();", "let fenced = true;"),
    ("bitmap: owner's fence", "src/registry.rs", "        // Pairs with the fence in `find`: our push or its clearing is seen by the other.\n        fence(SeqCst);\n", ""),
    ("bitmap: thief's fence", "src/registry.rs", "                            // Pairs with the fence in `raise`.\n                            fence(SeqCst);\n", ""),
    ("bitmap: second look", "src/registry.rs", "if !still_empty() {", "if false {"),
    ("bitmap: upper, owner's fence", "src/registry.rs", "            // Pairs with the fence in `lower`: our bit or its clearing is seen by the other.\n            fence(SeqCst);\n", ""),
    ("bitmap: upper, thief's fence", "src/registry.rs", "        // Pairs with the second fence in `raise`.\n        fence(SeqCst);\n", ""),
    ("bitmap: upper, second look", "src/registry.rs", "            self.upper.fetch_or(1 << upper_bit, Relaxed);\n        }\n    }\n\n    /// The lower words", "        }\n    }\n\n    /// The lower words"),
    ("bitmap: upper, as many workers as before", "src/registry.rs", "let known = len();", "let known = len();\n        let len = || known;"),
    ("legacy not announced", "src/registry.rs", "            if worker.is_legacy() {\n", "            if false {\n"),
    ("legacy: second look", "src/registry.rs", "Look::Nothing(move || worker.is_none_or(|worker| !worker.is_legacy()))", "Look::Nothing(move || worker.is_none_or(|_| true))"),
    ("legacy of a thread that is back", "src/worker.rs", "let tenancy = self.move_in()?;", "let tenancy = self.move_in().unwrap_or(0);"),
    ("new worker adoptable", "src/worker.rs", "pub(crate) const FIRST_TENANCY: Tenancy = 1;", "pub(crate) const FIRST_TENANCY: Tenancy = 0;"),
    ("moved in Relaxed", "src/worker.rs", "compare_exchange(tenancy, tenancy + 1, Acquire, Relaxed)", "compare_exchange(tenancy, tenancy + 1, Relaxed, Relaxed)"),
    ("moved out Relaxed", "src/worker.rs", ".compare_exchange(tenancy, vacant, Release, Relaxed)", ".compare_exchange(tenancy, vacant, Relaxed, Relaxed)"),
    ("deque found Relaxed", "src/worker.rs", "        // Acquire: pairs with the Release in `Owner::deque`; the deque is built.\n        let deque = self.deques[side as usize].load(Acquire);", "        let deque = self.deques[side as usize].load(Relaxed);"),
    ("deque published Relaxed", "src/worker.rs", ".store(made, Release)", ".store(made, Relaxed)"),
    ("close: closer's fence", "src/engine.rs", "collector that held it finds the engine closed.\n        fence(SeqCst);", "collector that held it finds the engine closed."),
    ("close: collector's fence", "src/engine.rs", "        // Pairs with the fence in `close`.\n        fence(SeqCst);\n", ""),
    ("close: collector never asks", "src/cycle.rs", "if self.is_closed() {", "if false {"),
    ("victims not emptied", "src/cycle.rs", "        self.empty(victims, Some(cycle), &mut Quota::unlimited(), dead);\n", ""),
    ("turned twice", "src/generation.rs", ".compare_exchange(cycle, cycle + 1, Relaxed, Relaxed)\n            .is_ok()", ".fetch_add(1, Relaxed) == cycle"),
    ("later cycle's note ignored", "src/cycle.rs", "if (stands.cycle.wrapping_sub(seen.cycle) as i32) <= 0 {", "if false {"),
    ("shared count published Relaxed", "src/shared.rs", "shelf.chains.fetch_add(1, Release)", "shelf.chains.fetch_add(1, Relaxed)"),
    ("queue published Relaxed", "src/shared.rs", "made, AcqRel, Acquire", "made, Relaxed, Relaxed"),
    ("bucket published Relaxed", "src/sync/buckets.rs", "fresh.cast::<T>(), AcqRel, Acquire)", "fresh.cast::<T>(), super::atomic::Ordering::Relaxed, super::atomic::Ordering::Relaxed)"),
    ("bucket found Relaxed", "src/sync/buckets.rs", "self.head(bucket)?.load(Acquire)", "self.head(bucket)?.load(super::atomic::Ordering::Relaxed)"),
    ("heads published Relaxed", "src/sync/buckets.rs", "fresh, AcqRel, Acquire)", "fresh, super::atomic::Ordering::Relaxed, super::atomic::Ordering::Relaxed)"),
    ("heads found Relaxed", "src/sync/buckets.rs", "let far = self.far.load(Acquire);\n        // SAFETY: a non-null", "let far = self.far.load(super::atomic::Ordering::Relaxed);\n        // SAFETY: a non-null"),
    ("allowance changed meanwhile", "src/private/lent.rs", "if !open || self.allowance() != old {", "if !open {"),
    ("raise: allowance changed meanwhile", "src/private/lent.rs", "let raises = open && self.allowance() == old;", "let raises = open;"),
    ("shrink beside a collector", "src/private/lent.rs", "if !open || (old.objects()", "if (old.objects()"),
    ("tail taken from an owner inside", "src/private/collector.rs", "        if self.is_inside() {\n            return None;\n        }\n        self.witness", "        self.witness"),
    ("tail never taken", "src/cycle.rs", "(held > 1 || surplus).then_some", "(held > 9 || surplus).then_some"),
    ("recall forgotten", "src/registry.rs", "worker.inspect(|worker| worker.private.set_depth(1));", "worker.inspect(|worker| worker.private.set_depth(2));"),
    ("raid without a fence", "src/cycle.rs", "let fenced = self.fence();\n        let mut taken = None;", "let fenced = true;\n        let mut taken = None;"),
    ("raid keeps the charge", "src/cycle.rs", "        self.budget.take_back(seized.lent, chain.as_ref());\n", ""),
    ("cycle keeps an idle allowance", "src/cycle.rs", "        self.budget.take_back(seized.lent, None::<&Chain<T>>);\n", ""),
    ("tail takes the newest's part", "src/private/collector.rs", "old.beyond(rest)", "old.beyond(Allowance::NOTHING)"),
    ("raise not undone", "src/engine.rs", "                self.budget.unlend(old, new);\n", ""),
    ("allowance not taken back", "src/engine.rs", "        self.budget.take_back(lent, chain.as_ref());\n", ""),
    ("refilled and charged still", "src/engine.rs", "                    self.budget.refund(measure.length(), measure.weight());\n", ""),
    ("late raise not undone", "src/engine/depth.rs", "            self.budget.unlend(old, new);\n", ""),
    ("shrunk and charged still", "src/engine/depth.rs", "            self.budget.unlend(new, old);\n", ""),
    ("empty slot keeps its allowance", "src/engine.rs", "if self.lends && me.worker().census().0 == 0 {", "if false {"),
    ("refund lost", "src/engine.rs", "        me.count_deep_bytes(object.weight(), true);\n        self.budget.refund(1, object.weight());\n", "        me.count_deep_bytes(object.weight(), true);\n"),
    ("doze: creator's fence", "src/sync/doze.rs", "        fence::light();\n", ""),
    ("doze: sleeper's fence", "src/sync/doze.rs", "let fenced = fence::heavy();", "let fenced = true;"),
    ("doze: everybody wakes", "src/sync/doze.rs", "self.asleep.swap(false, AcqRel)", "true"),
    ("grave published Relaxed", "src/grave.rs", "below, plot, Release, Relaxed", "below, plot, Relaxed, Relaxed"),
    ("grave found Relaxed", "src/grave.rs", "self.top.swap(ptr::null_mut(), Acquire)", "self.top.swap(ptr::null_mut(), Relaxed)"),
    ("grave: the rest forgotten", "src/grave.rs", "            self.add(batch);\n", "            std::mem::forget(batch);\n"),
    ("berth settled Relaxed", "src/sync/berth.rs", "fetch_add(SETTLED, Release)", "fetch_add(SETTLED, Relaxed)"),
    ("berth entered Relaxed", "src/sync/berth.rs", "fetch_add(LOOK, Acquire)", "fetch_add(LOOK, Relaxed)"),
    ("berth looked at and left Relaxed", "src/sync/berth.rs", "fetch_sub(LOOK, Release)", "fetch_sub(LOOK, Relaxed)"),
    ("berth left Relaxed", "src/sync/berth.rs", "fetch_add(LEAVING - SETTLED, Release)", "fetch_add(LEAVING - SETTLED, Relaxed)"),
    ("berth emptied Relaxed", "src/sync/berth.rs", "compare_exchange(LEAVING, 0, Acquire, Relaxed)", "compare_exchange(LEAVING, 0, Relaxed, Relaxed)"),
    ("berth: those who look are forgotten", "src/sync/berth.rs", "let left = (before == SETTLED).then(|| self.last_out());", "self.word.fetch_and(!LEAVING, Acquire); let _ = before; let left = Some(unsafe { (*self.content.get()).take() });"),
    ("berth: who looks last goes", "src/sync/berth.rs", "(after == LEAVING).then(|| self.last_out())", "(after == LEAVING).then(|| None)"),
    ("berth: no exchange decides", "src/sync/berth.rs", "            .compare_exchange(LEAVING, 0, Acquire, Relaxed)\n            .ok()?;", "            .swap(0, Acquire);"),
    ("step turns before it is empty", "src/cycle.rs", "if empty && self.generation.turn(cycle) {", "if self.generation.turn(cycle) {"),
    ("step goes on in the next cycle", "src/cycle.rs", "self.empty(victims, Some(cycle), &mut quota, dead);\n        if empty", "self.empty(victims, None, &mut quota, dead);\n        if empty"),
    ("bytes taken without the slots", "src/cycle.rs", "        self.call_in(Reach::All, &mut at_hand);\n", ""),
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
        done = subprocess.run(
            ["cargo", "test", "-p", "stealpool-loom"],
            cwd=root, capture_output=True, text=True, timeout=900,
        )
    except subprocess.TimeoutExpired:
        return "killed by a model that does not end"
    finally:
        path.write_text(text)
    if "could not compile" in done.stderr:
        return "DOES NOT COMPILE"
    tests = [line.split() for line in done.stdout.splitlines() if line.startswith("test ") and "FAILED" in line]
    failed = sorted({words[1] for words in tests if words[1] != "result:"}) or ["an abort"]
    return "killed by " + ", ".join(failed) if done.returncode else "SURVIVED"


def main():
    wanted = sys.argv[1:]
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

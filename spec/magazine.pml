/* Magazines of two processors: restartable sequences, threads that close a gate, collectors that stop it.
 *
 * The programs are the sequences of src/sys/rseq.rs, what a holder does (src/engine/held.rs), and a
 * collector's `Worker::stop`, barrier, `Stop::held` and `Stop::undo` (src/engine/worker.rs and cycle.rs). Each
 * thread makes so many calls, of any kind, and ends. The machine is in machine.pml.
 *
 * A build is chosen by -D, see run.sh:
 *
 *   CALLS=n, OTHERS_CALLS=n   the first user makes so many calls, the second so many (1, 1)
 *   COLLECTORS=n              so many collectors (1)
 *   REFUSED                   the kernel refuses a barrier when it likes
 *   EXCHANGE                  the other back end: users close by a locked exchange, and there is no barrier
 *   SWITCHES=n                so many preemptions and signals, where there is no bound else; and one thread
 *                             may stand still for ever, wherever it is
 *
 * and the broken ones, by the names in run.sh; README.md has a line on each.
 */

#ifndef CALLS
#define CALLS 1
#endif
#ifndef OTHERS_CALLS
#define OTHERS_CALLS 1
#endif
#ifndef COLLECTORS
#define COLLECTORS 1
#endif
#define THREADS (2 + COLLECTORS)
#define OBJECTS 2

/* Places in memory: a magazine's words, twice; then what each object holds, one bit. */
#define HEADER 0
#define GATE 1
#define CLAIM 2
#define FIRST 3
#define SIZE 5
#define CONTENT (2 * SIZE - 1)
#define PLACES (2 * SIZE + OBJECTS)

#define OPEN 0
#define HELD 1
#define STOPPED 2
#ifdef NO_GATE
#define capacity 2
#else
#define capacity (gate == OPEN -> 2 : 0)
#endif
#ifdef CLOSES_STOPPED
#define closable (gate != HELD)
#else
#define closable (gate == OPEN)
#endif

/* A header: its length, and above how many puts it has counted. */
#define ONE 1
#define COUNTED 4
#define length (header & 3)

#include "machine.pml"

/* What follows decides nothing; it is there to be asserted. Headers by the order of commits, who is inside
 * a magazine, what each object holds, and who has it: a thread, a magazine, or nobody. */
#define POOLED 6
#define FREE 7
byte headers[2], owner[OBJECTS + 1] = FREE;
bool inside[2], content[OBJECTS + 1];

#define word(which) (SIZE * m + which)
#define newest word(FIRST + length - 1)
#define above word(FIRST + length)

inline touch(object) {
  assert(object > 0 && owner[object] != FREE)
}

inline take(object, who) {
  assert(owner[object] == POOLED);
  owner[object] = who
}

/* A header is written, by a commit or by who is inside: the one that was read must be the last. */
inline write(new) {
  assert(header == headers[m]);
  headers[m] = new;
  store(word(HEADER), new)
}

inline put() {
  assert(owner[hand] == me);
  owner[hand] = POOLED;
  hand = 0;
  write(header + ONE + COUNTED)
}

inline enter() {
  assert(!inside[m]);
  inside[m] = true
}

inline open() {
  inside[m] = false;
  store(word(GATE), OPEN)
}

inline open_held() {
#ifdef OPENS_HERE
  inside[m] = false;
  m = here[me];
#endif
  open()
}

/* The holder changes an object. */
inline change() {
  content[hand] = !content[hand];
  store(CONTENT + hand, content[hand])
}

inline forget() {
  in_sequence[me] = false;
  again[me] = false;
#ifndef NUMBER_BEFORE
  m = 0;
#endif
  gate = 0; header = 0; x = 0; other = 0
}

inline begin() {
  in_sequence[me] = true;
#ifndef NUMBER_BEFORE
  m = here[me]
#endif
}

/* How pop and push begin. */
inline look() {
#ifdef HEADER_FIRST
  STEP(begin(); header = load(word(HEADER)));
  STEP(gate = load(word(GATE)))
#else
  STEP(begin(); gate = load(word(GATE)));
  STEP(header = load(word(HEADER)))
#endif
}

#define need(is_so, otherwise) if :: is_so :: else -> otherwise fi
#define or_again(label) unless { atomic { again[me] -> forget(); goto label } }

proctype user(byte me; byte calls) {
  byte m, gate, header, x, other, hand;
  bool done;
next:
  need(calls > 0, goto stop);
  calls--;
#ifdef NUMBER_BEFORE
  STEP(m = here[me]);
#endif
  if
#ifdef EXCHANGE
  :: goto exchanging
#else
  :: hand == 0 -> goto pop
  :: hand > 0 -> goto push
  :: goto close
#endif
  :: hand == 0 -> goto create
  fi;

create:
  STEP(
    if
    :: owner[1] == FREE -> hand = 1
    :: owner[1] != FREE && owner[2] == FREE -> hand = 2
    :: else -> goto next
    fi;
    owner[hand] = me;
    change()
  );
  goto next;

pop:
  {
    look();
    STEP(need(length > 0 && length <= capacity, forget(); goto next); x = load(newest));
    STEP(take(x, me); hand = x; write(header - ONE); assert(!inside[m]); forget())
  } or_again(pop);
  goto taken;

push:
  {
    look();
#ifdef COMMIT_FIRST
    STEP(need(length < capacity, forget(); goto next); other = hand; put(); in_sequence[me] = false);
    STEP(store(above, other); forget())
#else
    STEP(need(length < capacity, forget(); goto next); store(above, hand));
#ifdef COUNTS_APART
    STEP(owner[hand] = POOLED; hand = 0; write(header + ONE); in_sequence[me] = false);
    STEP(header = header + ONE; write(header + COUNTED); forget())
#else
    STEP(put(); assert(!inside[m]); forget())
#endif
#endif
  } or_again(push);
  goto next;

close:
  {
    STEP(begin(); gate = load(word(GATE)); need(closable, forget(); goto refused));
    STEP(enter(); store(word(GATE), HELD); in_sequence[me] = false)
  } or_again(close);
  goto held;

exchanging:
  STEP(exchange(word(GATE), OPEN, HELD); need(done, goto next); done = false; enter());

held:
  STEP(header = load(word(HEADER)); assert(header == headers[m]));
  if
  :: hand > 0 && length < 2 ->
    STEP(store(above, hand));
    STEP(put())
  :: hand == 0 && length > 0 ->
    /* The oldest. */
    STEP(x = load(word(FIRST)));
    if
    :: length > 1 ->
      STEP(other = load(word(FIRST + 1)));
      STEP(store(word(FIRST), other))
    :: else
    fi;
#ifdef OPENS_EARLY
    STEP(store(word(GATE), OPEN));
#endif
    STEP(take(x, me); hand = x; write(header - ONE))
  :: else
  fi;
  STEP(open_held(); forget());
  need(hand > 0, goto next);

taken:
  STEP(assert(load(CONTENT + hand) == content[hand]); change());
  goto next;

refused:
#ifdef WAITS
  goto close;
#else
  goto next;
#endif

stop:
  end_thread()
}

inline drop(at) {
  STEP(x = load(at));
  STEP(touch(x); assert(load(CONTENT + x) == content[x]); take(x, FREE))
}

#ifdef SWITCHES
#define somebody_is_still (still != NOBODY)
#define is_done(thread) (ended[thread] || still == thread)
#else
#define somebody_is_still false
#define is_done(thread) ended[thread]
#endif

/* Others have ended, or stand still outside; and what they did has reached memory. */
#define is_away(thread) (thread == me || is_done(thread) && (ended[thread] || thread < 2))
#define is_alone (is_away(0) && is_away(1) && is_away(2) && is_away(THREADS - 1) && !inside[0] \
  && queue[0].waiting == 0 && queue[1].waiting == 0)

/* Empties the first magazine. Who is alone never turns away. */
proctype collector(byte me) {
  byte m, gate, header, x, other;
  bool alone, done, reached[PROCESSORS];
#ifndef NO_CLAIM
  STEP(alone = is_alone; exchange(word(CLAIM), 0, 1); need(done, assert(!alone); goto stop));
#endif
#ifdef BARRIER_FIRST
  barrier();
#endif
#ifdef STOPS_BY_STORE
  STEP(gate = load(word(GATE)); need(gate == OPEN, goto leave));
  STEP(store(word(GATE), STOPPED));
#else
  STEP(exchange(word(GATE), OPEN, STOPPED); need(done, assert(!alone); goto leave));
#endif
#ifdef UNCLAIMS_EARLY
  STEP(store(word(CLAIM), 0); other = 1);
#endif
#ifdef LOOKS_EARLY
  STEP(gate = load(word(GATE)));
#endif
#ifdef REFUSED
  if
  :: goto undo
  :: true
  fi;
#endif
#ifndef BARRIER_FIRST
  barrier();
#endif
#ifndef LOOKS_EARLY
  STEP(gate = load(word(GATE)));
#endif
#ifndef NO_LOOK
  need(gate == STOPPED, assert(!alone); goto leave);
#endif
  STEP(enter(); header = load(word(HEADER)); assert(header == headers[m]));
  if
  :: length > 0 -> drop(word(FIRST))
  :: else
  fi;
  if
  :: length > 1 -> drop(word(FIRST + 1))
  :: else
  fi;
  STEP(write(header - length));
  STEP(open());
  goto leave;

undo:
#ifdef UNDOES_BY_STORE
  STEP(store(word(GATE), OPEN));
#elif !defined(NO_UNDO)
  STEP(exchange(word(GATE), STOPPED, OPEN));
#endif

leave:
#ifdef UNCLAIMS_EARLY
  need(other == 0, goto stop);
#endif
#if !defined(NO_CLAIM) && !defined(NO_UNCLAIM)
  STEP(store(word(CLAIM), 0));
#endif

stop:
  atomic { gate = 0; header = 0; x = 0; other = 0; alone = false; done = false };
  end_thread()
}

#define in_one(m) (memory[SIZE * m + HEADER] & 3)
#define first(m) memory[SIZE * m + FIRST]
#define second(m) memory[SIZE * m + FIRST + 1]
#define is_right(m) (memory[SIZE * m + HEADER] == headers[m] \
  && (in_one(m) < 1 || owner[first(m)] == POOLED) \
  && (in_one(m) < 2 || owner[second(m)] == POOLED && first(m) != second(m)))
#define pooled(object) (owner[object] == POOLED -> 1 : 0)
#define all_open (memory[GATE] == OPEN && memory[SIZE + GATE] == OPEN && memory[CLAIM] == 0)

/* When nothing can happen any more. */
proctype judge() {
  d_step {
    timeout ->
    assert(is_done(0) && is_done(1) && is_done(2) && is_done(THREADS - 1));
    if
    :: !somebody_is_still ->
#ifndef NO_UNCLAIM
      assert(all_open);
#endif
      assert(is_right(0) && is_right(1));
      assert(in_one(0) + in_one(1) == pooled(1) + pooled(2))
    :: else
    fi
  }
}

init {
  atomic {
    memory[HEADER] = 1;
    memory[FIRST] = 1;
    headers[0] = 1;
    owner[1] = POOLED;
    run user(0, CALLS);
    run user(1, OTHERS_CALLS);
    run collector(2);
    run scheduler(0);
    run scheduler(1);
    run scheduler(2);
#if COLLECTORS > 1
    run collector(3);
    run scheduler(3);
#endif
    run memory_system(0);
    run memory_system(1);
    run judge()
  }
}

/* Magazines of two processors: restartable sequences, threads that close a gate, collectors that stop it.
 *
 * The programs are the sequences of src/sys/rseq.rs, what a holder does (src/engine/held.rs), and a
 * collector's `Worker::stop`, barrier, `Stop::held` and `Stop::undo` (src/engine/worker.rs, src/engine/cycle.rs).
 * The machine is x86-TSO: each processor has a first-in-first-out queue of its own stores and reads its own
 * newest one. Threads run where the scheduler puts them. Each makes so many calls, of any kind, and ends.
 *
 * A build is chosen by -D, see run.sh:
 *
 *   CALLS=n, OTHERS_CALLS=n   the first user makes so many calls, the second so many (1, 1)
 *   COLLECTORS=n              so many collectors (1)
 *   REFUSED                   the kernel refuses a barrier when it likes
 *   EXCHANGE                  the other back end: users close by a locked exchange, and there is no barrier
 *   SWITCHES=n                so many preemptions and signals, for liveness; no bound if not given. And one
 *                             thread may stand still for ever, wherever it is
 *
 * and the broken ones:
 *
 *   NO_BARRIER         the collector has none (nor heeds a refusal)
 *   FENCES_ONLY        its barrier restarts nothing: a plain membarrier
 *   RESTARTS_ONLY      its barrier empties no queue
 *   BARRIER_FIRST      the barrier comes before the stop
 *   LOOKS_EARLY        it looks at the gate before the barrier
 *   NO_LOOK            it does not look
 *   NO_CLAIM           collectors do not claim
 *   UNCLAIMS_EARLY     they drop the claim before the barrier
 *   STOPS_BY_STORE     they stop by a plain store
 *   UNDOES_BY_STORE    they undo a stop by a plain store
 *   NO_UNDO, NO_UNCLAIM  they leave the gate stopped, the claim taken
 *   NOT_RESTARTED      the kernel does not restart who is preempted
 *   NUMBER_BEFORE      the processor's number is read before the sequence
 *   HEADER_FIRST       pop and push read the header before the gate
 *   COMMIT_FIRST       push writes the pointer after the commit
 *   COUNTS_APART       push counts by a second store
 *   NO_GATE            pop and push do not look at the gate
 *   CLOSES_STOPPED     close overlooks a stop
 *   OPENS_EARLY        a holder opens before it writes the header
 *   OPENS_HERE         a holder opens the magazine of the processor that it is on by now
 *   WAITS              who finds the gate closed tries again
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
#define PROCESSORS 2
#define OBJECTS 2

/* How many stores a queue has room for; who finds none writes the oldest first. */
#define ROOM 3

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

/* A header: its length, and above how many puts it has counted. */
#define ONE 1
#define COUNTED 4
#define length (header & 3)

byte memory[PLACES];
typedef Queue {
  byte waiting;
  byte place[ROOM];
  byte value[ROOM]
}
Queue queue[PROCESSORS];

/* Where each thread runs, and whom each processor runs. */
#define OFF 2
#define NOBODY 7
byte here[THREADS] = OFF;
byte runs[PROCESSORS] = NOBODY;

/* A sequence is under way; it must start again. */
bool in_sequence[THREADS], again[THREADS];

bool ended[THREADS];
#ifdef SWITCHES
byte switches, still = NOBODY;
#endif

/* What follows decides nothing; it is there to be asserted. Headers by the order of commits, who is inside
 * a magazine, what each object holds, and who has it: a thread, a magazine, or nobody. */
#define POOLED 6
#define FREE 7
byte headers[2], owner[OBJECTS + 1] = FREE;
bool inside[2], content[OBJECTS + 1];

/* Within atomic or d_step only, as all that follows. */
#define mine queue[here[me]]
#define waits(nth, at) (mine.waiting > nth && mine.place[nth] == (at))
#define load(at) \
  (waits(2, at) -> mine.value[2] : (waits(1, at) -> mine.value[1] : \
  (waits(0, at) -> mine.value[0] : memory[at])))

inline flush_one(p) {
  memory[queue[p].place[0]] = queue[p].value[0];
  queue[p].place[0] = queue[p].place[1];
  queue[p].value[0] = queue[p].value[1];
  queue[p].place[1] = queue[p].place[2];
  queue[p].value[1] = queue[p].value[2];
  queue[p].place[2] = 0;
  queue[p].value[2] = 0;
  queue[p].waiting--
}

inline flush(p) {
  do
  :: queue[p].waiting > 0 -> flush_one(p)
  :: else -> break
  od
}

inline store(at, what) {
  if
  :: mine.waiting == ROOM -> flush_one(here[me])
  :: else
  fi;
  mine.place[mine.waiting] = at;
  mine.value[mine.waiting] = what;
  mine.waiting++
}

/* A locked compare-exchange; whether it did. */
inline exchange(at, from, to) {
  flush(here[me]);
  done = (memory[at] == from);
  if
  :: done -> memory[at] = to
  :: else
  fi
}

/* Whoever this processor runs begins its sequence again, if one is under way. */
inline restart(p) {
  if
  :: runs[p] != NOBODY && in_sequence[runs[p]] -> again[runs[p]] = true
  :: else
  fi
}

inline vacate(p) {
  flush(p);
#ifndef NOT_RESTARTED
  restart(p);
#endif
  if
  :: runs[p] == 0 -> here[0] = OFF
  :: runs[p] == 1 -> here[1] = OFF
  :: runs[p] == 2 -> here[2] = OFF
#if THREADS > 3
  :: runs[p] == 3 -> here[3] = OFF
#endif
  :: else
  fi;
  runs[p] = NOBODY
}

/* Any number of instructions with one access to memory, of a thread that runs. */
#define STEP(what) atomic { here[me] != OFF -> what }
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

inline end_thread() {
  STEP(m = here[me]; vacate(m); m = 0; ended[me] = true)
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

#define or_again(label) unless { atomic { again[me] -> forget(); goto label } }

proctype user(byte me; byte calls) {
  byte m, gate, header, x, other, hand;
  bool done;
next:
  if
  :: calls == 0 -> goto stop
  :: else -> calls--
  fi;
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
    STEP(
      if
      :: length > 0 && length <= capacity -> x = load(newest)
      :: else -> forget(); goto next
      fi
    );
    /* What it adds to the header. */
    STEP(touch(x));
    STEP(take(x, me); hand = x; write(header - ONE); assert(!inside[m]); forget())
  } or_again(pop);
  goto taken;

push:
  {
    look();
#ifdef COMMIT_FIRST
    STEP(
      if
      :: length < capacity -> other = hand; put(); in_sequence[me] = false
      :: else -> forget(); goto next
      fi
    );
    STEP(store(above, other); forget())
#else
    STEP(
      if
      :: length < capacity -> store(above, hand)
      :: else -> forget(); goto next
      fi
    );
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
    STEP(
      begin();
      gate = load(word(GATE));
      if
      :: gate == OPEN
#ifdef CLOSES_STOPPED
      :: gate == STOPPED
#endif
#ifdef WAITS
      :: else -> forget(); goto close
#else
      :: else -> forget(); goto next
#endif
      fi
    );
    STEP(enter(); store(word(GATE), HELD); in_sequence[me] = false)
  } or_again(close);
  goto held;

exchanging:
  STEP(
    exchange(word(GATE), OPEN, HELD);
    if
    :: done -> done = false; enter()
    :: else -> forget(); goto next
    fi
  );

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
  STEP(
#ifdef OPENS_HERE
    inside[m] = false;
    m = here[me];
#endif
    open();
    forget()
  );
  if
  :: hand == 0 -> goto next
  :: else
  fi;

taken:
  STEP(assert(load(CONTENT + hand) == content[hand]); change());
  goto next;

stop:
  end_thread()
}

/* A barrier reaches a processor. */
inline interrupt(p) {
  d_step {
    !reached[p] -> reached[p] = true;
#ifndef RESTARTS_ONLY
    flush(p);
#endif
#ifndef FENCES_ONLY
    restart(p);
#endif
    skip
  }
}

inline barrier() {
#if !defined(NO_BARRIER) && !defined(EXCHANGE)
  do
  :: interrupt(0)
  :: interrupt(1)
  :: d_step { reached[0] && reached[1] -> reached[0] = false; reached[1] = false }; break
  od
#else
  skip
#endif
}

inline drop(at) {
  STEP(x = load(at));
  STEP(
    touch(x);
    assert(load(CONTENT + x) == content[x]);
    take(x, FREE)
  )
}

/* Empties the first magazine. */
proctype collector(byte me) {
  byte m, gate, header, x, other;
  bool done, reached[PROCESSORS];
#ifndef NO_CLAIM
  STEP(
    exchange(word(CLAIM), 0, 1);
    if
    :: done
    :: else -> goto stop
    fi
  );
#endif
#ifdef BARRIER_FIRST
  barrier();
#endif
#ifdef STOPS_BY_STORE
  STEP(
    gate = load(word(GATE));
    if
    :: gate == OPEN
    :: else -> goto leave
    fi
  );
  STEP(store(word(GATE), STOPPED));
#else
  STEP(
    exchange(word(GATE), OPEN, STOPPED);
    if
    :: done
    :: else -> goto leave
    fi
  );
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
  if
  :: gate == STOPPED
  :: else -> goto leave
  fi;
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
#if !defined(NO_CLAIM) && !defined(NO_UNCLAIM)
  if
  :: other == 0 -> STEP(store(word(CLAIM), 0))
  :: else
  fi;
#endif

stop:
  atomic { gate = 0; header = 0; x = 0; other = 0; done = false };
  end_thread()
}

/* Stores reach memory at any later time. */
proctype memory_system(byte p) {
endless:
  do
  :: d_step { queue[p].waiting > 0 -> flush_one(p) }
  od
}

#ifdef SWITCHES
/* Not counted: a processor that runs nobody takes who runs nowhere. */
#define is_forced(p) (runs[p] != NOBODY || here[thread] != OFF)
#define may_run(p) (still != thread && (switches < SWITCHES || !is_forced(p)))
#define may_signal (switches < SWITCHES)
#define count(is_one) switches = switches + (is_one -> 1 : 0)
#else
#define may_run(p) true
#define may_signal true
#define count(is_one) skip
#endif

inline schedule(p) {
  d_step {
    !ended[thread] && here[thread] != p && may_run(p) ->
    count(is_forced(p));
    from = here[thread];
    if
    :: from != OFF -> vacate(from)
    :: else
    fi;
    from = 0;
    vacate(p);
    here[thread] = p;
    runs[p] = thread
  }
}

/* Preemption, migration and signals, of one thread. */
proctype scheduler(byte thread) {
  byte from;
endless:
  do
  :: schedule(0)
  :: schedule(1)
  :: d_step { in_sequence[thread] && !again[thread] && may_signal -> again[thread] = true; count(true) }
#ifdef SWITCHES
  :: d_step {
      still == NOBODY && !ended[thread] ->
      still = thread;
      from = here[thread];
      if
      :: from != OFF -> vacate(from)
      :: else
      fi;
      from = 0
    }
#endif
  od
}

#define in_one(m) (memory[SIZE * m + HEADER] & 3)
#define first(m) memory[SIZE * m + FIRST]
#define second(m) memory[SIZE * m + FIRST + 1]
#define is_right(m) (memory[SIZE * m + HEADER] == headers[m] \
  && (in_one(m) < 1 || owner[first(m)] == POOLED) \
  && (in_one(m) < 2 || owner[second(m)] == POOLED && first(m) != second(m)))
#define pooled(object) (owner[object] == POOLED -> 1 : 0)
#define all_open (memory[GATE] == OPEN && memory[SIZE + GATE] == OPEN && memory[CLAIM] == 0)

#ifdef SWITCHES
#define somebody_is_still (still != NOBODY)
#define is_done(thread) (ended[thread] || still == thread)
#else
#define somebody_is_still false
#define is_done(thread) ended[thread]
#endif

/* When nothing can happen any more. */
proctype judge() {
  d_step {
    timeout ->
    assert(is_done(0) && is_done(1) && is_done(2) && is_done(THREADS - 1));
    if
    :: !somebody_is_still ->
      assert(all_open);
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

/* x86-TSO with preemption, migration, restartable sequences and barriers; for magazine.pml, which says how
 * many THREADS and PLACES there are.
 *
 * Each processor has a first-in-first-out queue of its own stores and reads its own newest one; locked
 * instructions and context switches empty it. A processor may turn to any thread at any moment. Whoever is
 * preempted, migrated, or hit by a signal or a barrier in a sequence begins it again.
 */

#define PROCESSORS 2

/* How many stores a queue has room for; who finds none writes the oldest first. */
#define ROOM 3

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

inline end_thread() {
  STEP(m = here[me]; vacate(m); m = 0; ended[me] = true)
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

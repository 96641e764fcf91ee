/* The private slot: an owner with no fence, collectors that may call in what it holds, on x86-TSO.
 *
 * The programs are `Private::{enter, put, take}` and `Engine::{cycle, call_in, wants}` of src/private.rs,
 * src/private/collector.rs and src/cycle.rs, for one worker, with one object a chain. Each processor has
 * a first-in-first-out queue of its own stores and reads its own newest one; a locked instruction waits
 * until the queue is empty. `membarrier` interrupts the other processors, each at a moment of its own.
 *
 * A build is chosen by -D, see run.sh:
 *
 *   COLLECTORS=n, CYCLES=n   so many collectors; each runs so many cycles (for ever, if not given)
 *   FULL_FENCE               both sides use their processor's own fence
 *
 * and the broken ones:
 *
 *   NO_HEAVY      the collector has no fence
 *   LOCAL_HEAVY   the collector's fence reaches its own processor only
 *   LATE_CLAIM    claims after the fence
 *   NO_LOOK       does not look at `inside` after the fence
 *   NO_STILL      does not look at `arrivals` again after the fence
 *   NO_OWNER_LOOK the owner does not look at `claim`
 *   NO_NOTE       takes from whoever is outside, whenever its object came
 *   NO_RELEASE    a collector that turns away keeps its claim
 *   NO_CALL_IN    cycles leave the slots alone
 */

#ifndef COLLECTORS
#define COLLECTORS 1
#endif

#define OWNER 0
/* Cycle numbers are told apart modulo TURNS. */
#if COLLECTORS == 1
#define PROCESSORS 2
#define TURNS 4
#else
#define PROCESSORS 3
#define TURNS 8
#endif

/* Arrivals until the owner stops. No store buffer ever has to wait for room. */
#ifndef ARRIVALS_IN_ALL
#define ARRIVALS_IN_ALL 4
#endif
#define ROOM 10


/* Places in memory. */
#define INSIDE 0
#define CLAIM 1
#define HEAD 2
#define ARRIVALS 3
/* A cycle and the arrivals by then, one word. */
#define SEEN 4
#define PLACES 5

byte memory[PLACES];

/* What waits in a processor's queue, the newest value of each place, and how many there are of it. */
chan queue[PROCESSORS] = [ROOM] of { byte, byte };
typedef Own {
  byte newest[PLACES];
  byte waiting[PLACES]
}
Own mine[PROCESSORS];

#define load(place) (mine[me].waiting[place] > 0 -> mine[me].newest[place] : memory[place])
#define is_quiet(processor) (len(queue[processor]) == 0)

inline store(place, value) {
  atomic {
    queue[me] ! place, value;
    mine[me].newest[place] = value;
    mine[me].waiting[place]++
  }
}

/* One store reaches memory. Within a d_step only. */
inline flush_one(processor) {
  queue[processor] ? place, value;
  memory[place] = value;
  mine[processor].waiting[place]--;
  if
  :: mine[processor].waiting[place] == 0 -> mine[processor].newest[place] = 0
  :: else
  fi;
  place = 0;
  value = 0
}

/* The pool's cycle number: written by locked instructions only. Its parity says which side is primary. */
byte cycle;
#define primary (cycle % 2)

/* Deques and shared store, which have fences of their own: a count of objects on each side. */
byte below[2];

/* What follows decides nothing; it is there to be asserted. */

/* Who uses the slot now, and what it holds by the order of uses. */
byte users;
bool truth;

/* Whether the generation has turned since the last put of an object began: the one that is being
 * put, the one in the slot, all on one side below. */
bool is_putting, put_turned, slot_turned, below_turned[2];

/* Who has looked at the slot since that put began: nobody, the cycle that is on, an earlier one. */
#define NOBODY 0
#define THIS_CYCLE 1
#define EARLIER 2
byte put_look, slot_look;

mtype = { working, outside, inside_it };
mtype owner_is = working;

#define nothing_idle (!truth && below[0] == 0 && below[1] == 0)

inline begin_use(who_sees) {
  atomic {
    assert(users == 0);
    users = 1;
    who_sees = load(HEAD);
    assert(who_sees == truth)
  }
}

inline push_below(side, turned) {
  d_step {
    below_turned[side] = (turned && (below[side] == 0 || below_turned[side]));
    below[side]++
  }
}

/* A thread may be stopped for ever wherever it is. */
inline perhaps_stop_inside() {
  if
  :: true
  :: owner_is = inside_it; goto stopped
  fi
}

inline enter() {
  store(INSIDE, 1);
  perhaps_stop_inside();
#ifdef FULL_FENCE
  is_quiet(me);
#endif
#ifdef NO_OWNER_LOOK
  claimed = 0;
#else
  claimed = load(CLAIM);
#endif
  perhaps_stop_inside()
}

active proctype owner() {
  byte me = OWNER, arrivals, claimed, head, side;
  bool in_hand, goes_down, down_turned;
  do
  :: !in_hand && arrivals < ARRIVALS_IN_ALL ->
    enter();
    if
    :: claimed == 0 ->
      begin_use(head);
      if
      :: head == 1 ->
        atomic { store(HEAD, 0); truth = 0; slot_turned = 0; slot_look = NOBODY; in_hand = true }
      :: else
      fi;
      users = 0
    :: else
    fi;
    perhaps_stop_inside();
    store(INSIDE, 0);
    side = primary;
    atomic {
      if
      :: !in_hand && below[side] > 0 -> below[side]--
      :: !in_hand && below[side] == 0 && below[1 - side] > 0 -> below[1 - side]--
      :: !in_hand && below[0] == 0 && below[1] == 0 -> arrivals++; store(ARRIVALS, arrivals)
      :: in_hand
      fi;
      in_hand = true;
      claimed = 0; head = 0; side = 0
    }

  :: in_hand && arrivals < ARRIVALS_IN_ALL ->
    is_putting = true;
    enter();
    arrivals++; store(ARRIVALS, arrivals);
    if
    :: claimed == 0 ->
      begin_use(head);
      atomic {
        /* Displaced: the newest stays, what was there goes down. */
        if
        :: head == 1 -> goes_down = true; down_turned = slot_turned
        :: else
        fi;
        store(HEAD, 1);
        truth = 1; slot_turned = put_turned; slot_look = put_look;
        in_hand = false
      };
      users = 0
    :: else -> in_hand = false; goes_down = true
    fi;
    perhaps_stop_inside();
    store(INSIDE, 0);
    if
    :: goes_down ->
      side = primary;
      atomic {
        if
        :: claimed != 0 -> down_turned = put_turned
        :: else
        fi;
        push_below(side, down_turned)
      }
    :: else
    fi;
    d_step {
      goes_down = false; down_turned = 0; claimed = 0; head = 0; side = 0;
      is_putting = false; put_turned = 0; put_look = NOBODY
    }

  :: owner_is = outside; goto stopped
  od;
stopped:
  skip
}

inline heavy_fence() {
#if defined(NO_HEAVY)
  skip
#elif defined(LOCAL_HEAVY) || defined(FULL_FENCE)
  is_quiet(me)
#else
  /* Each processor's queue has been empty once between beginning and end: an interrupt empties it. */
  other = 0;
  do
  :: other < PROCESSORS ->
    d_step {
      do
      :: !is_quiet(other) -> flush_one(other)
      :: else -> break
      od;
      other++
    }
  :: else -> break
  od;
  other = 0
#endif
}

/* A locked exchange from 0 to 1. */
inline exchange_claim() {
  atomic {
    is_quiet(me);
    claimed = (memory[CLAIM] == 0);
    memory[CLAIM] = 1
  }
}

active [COLLECTORS] proctype collector() {
  byte me = _pid, now, began, held, seen, still, other, place, value, runs, later;
  bool claimed, wants, is_whole;
  byte whole_cycles;
  do
#ifdef CYCLES
  :: runs == CYCLES -> break
  :: runs < CYCLES ->
    runs++;
#else
  :: true ->
#endif
    d_step { began = cycle; is_whole = (owner_is == outside && is_quiet(OWNER)) };
    /* 1: the victims. */
    d_step {
      if
      :: cycle == began && below[1 - began % 2] > 0 ->
        assert(below_turned[1 - began % 2]);
        below[1 - began % 2] = 0;
        below_turned[1 - began % 2] = 0
      :: else
      fi
    };
    /* 2: the turn. */
    atomic {
      is_quiet(me);
      if
      :: cycle == began ->
        cycle = (cycle + 1) % TURNS;
        put_turned = is_putting;
        slot_turned = truth;
        put_look = (put_look == THIS_CYCLE -> EARLIER : put_look);
        slot_look = (slot_look == THIS_CYCLE -> EARLIER : slot_look);
        below_turned[0] = (below[0] > 0);
        below_turned[1] = (below[1] > 0)
      :: else
      fi;
      now = (began + 1) % TURNS
    };
    /* 3: the slot. */
#ifndef NO_CALL_IN
    held = load(HEAD);
    seen = load(SEEN);
    d_step {
      still = load(ARRIVALS);
      /* Else a collector of this cycle, or of a later one, was here. */
      later = (TURNS + now - seen / 16) % TURNS;
      wants = (later >= 1 && later <= TURNS / 2);
      later = 0
    };
    if
    :: wants ->
      atomic {
        if
        :: put_look == NOBODY && is_putting -> put_look = (now == cycle -> THIS_CYCLE : EARLIER)
        :: else
        fi;
        if
        :: slot_look == NOBODY && truth -> slot_look = (now == cycle -> THIS_CYCLE : EARLIER)
        :: else
        fi;
        store(SEEN, 16 * now + still)
      };
#ifdef NO_NOTE
      wants = (held == 1);
#else
      wants = (held == 1 && seen % 16 == still);
#endif
      wants = (wants && load(INSIDE) == 0)
    :: else
    fi;
    if
    :: wants ->
#ifdef LATE_CLAIM
      heavy_fence();
      exchange_claim();
#else
      exchange_claim();
      if
      :: claimed -> heavy_fence()
      :: else
      fi;
#endif
      if
      :: claimed ->
#ifdef NO_LOOK
        wants = true;
#else
        wants = (load(INSIDE) == 0);
#endif
#ifndef NO_STILL
        wants = (wants && load(ARRIVALS) == still);
#endif
        if
        :: wants ->
          begin_use(held);
          atomic {
            /* An earlier cycle has looked since it came. */
            assert(!truth || slot_look == EARLIER);
            store(HEAD, 0);
            truth = 0; slot_turned = 0; slot_look = NOBODY
          };
          users = 0;
          store(CLAIM, 0)
        :: else ->
#ifndef NO_RELEASE
          store(CLAIM, 0)
#endif
        fi
      :: else
      fi
    :: else
    fi;
#endif
    d_step {
      if
      :: is_whole && whole_cycles < 2 -> whole_cycles++
      :: else
      fi;
#if COLLECTORS == 1 && !defined(NO_CALL_IN) && !defined(NO_RELEASE)
      /* Two cycles without any use empty the pool. */
      assert(whole_cycles < 2 || nothing_idle);
#endif
      claimed = 0; wants = 0; held = 0; seen = 0; still = 0; now = 0;
      began = 0; is_whole = 0
    }
  od
}

/* Stores reach memory at any later time. */
active [PROCESSORS] proctype memory_system() {
  byte processor = _pid - PROCESSORS, place, value;
end:
  do
  :: d_step { !is_quiet(processor) -> flush_one(processor) }
  od
}

ltl idle_is_reclaimed { [] (owner_is == outside -> <> nothing_idle) }

/* Not so, and said so: what a thread holds that is stopped inside may stay. */
ltl stopped_inside_too { [] (owner_is == inside_it -> <> nothing_idle) }

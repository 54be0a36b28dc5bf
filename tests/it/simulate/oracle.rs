//! What must hold. It knows what was produced and reads only what was committed.

use std::time::Duration;

use siftd::coverage::Cause;
use siftd::time::Time;

use super::archive::{Stretch, Wanted};
use super::faults::Fault;
use super::server::Naming;
use super::world::{Message, World};

/// Every message that was produced for a wanted stream is kept, or lies in a gap, or before the stream's history. At
/// the `end` every stream has a history.
pub(super) fn check(world: &World, end: bool) {
    for (message, number) in world.messages.iter().zip(0_u64..) {
        let id = world.id(&message.stream);
        let Some(wanted) = wanted(world, message) else { continue };
        let archive = &world.archive;
        if archive.rows.contains(&(id, number))
            || archive.erased.contains(&number)
            || archive.quarantined.contains(&number)
        {
            continue;
        }
        let gaps = archive.gaps.iter().map(|gap| &gap.stretch).filter(|gap| gap.stream == id);
        if gaps.clone().any(|gap| gap.holds(message.at)) {
            continue;
        }
        match archive.history(&wanted.truly) {
            Some(began) => {
                // By a clock that was set back, the first minute may last longer.
                let first_minute = world.faults.count(Fault::ClockBack) > 0
                    || began.truly_from().since(wanted.truly.from) <= world.policy.starting;
                assert!(
                    message.at < began.truly_from() && first_minute,
                    "message {number} of {id:?} at {} is lost in silence; gaps: {:?}",
                    message.at,
                    gaps.map(|gap| format!("{} to {:?}", gap.from, gap.until)).collect::<Vec<_>>(),
                );
            }
            None => assert!(
                !end || wanted.truly.until.is_some_and(|until| until.since(wanted.truly.from) <= world.policy.starting),
                "{id:?} has no history at the end"
            ),
        }
    }
}

/// The time of a stream in the settings in which a message falls, if its loss would matter.
fn wanted<'w>(world: &'w World, message: &Message) -> Option<&'w Wanted> {
    let id = world.id(&message.stream);
    let holds = |wanted: &&Wanted| wanted.truly.stream == id && wanted.truly.holds(message.at);
    world.archive.wanted.iter().find(holds).filter(|wanted| message.at <= wanted.proven)
}

/// No gap reaches into a time that was truly served by more than the bounds allow.
pub(super) fn check_tightness(world: &World) {
    if world.calm {
        let shutdowns = world.archive.gaps.iter().all(|gap| gap.cause == Cause::Shutdown);
        assert!(shutdowns, "gaps without a fault: {:?}", world.archive.gaps);
    }
    // A tick, what waits in the server's buffer, whole seconds twice, the margin, the way, and a server's clock that
    // was set.
    let bound = Duration::from_secs(30 + 2 + 2 + 2) + world.longest + world.unsure;
    // Where answers go missing or name nobody, it takes some more requests.
    let clear = !world.server.forgetful && world.server.names_refusals == 100;
    let late = if clear { Duration::ZERO } else { 3 * world.policy.acknowledgement + Duration::from_secs(1) };
    // Where the clock was set back, times of one life cannot be compared with those of another.
    let compares = world.faults.count(Fault::ClockBack) == 0;
    for served in &world.served {
        let until = served.stretch.until.unwrap_or(Time::NEVER);
        for gap in world.archive.gaps.iter().filter(|gap| gap.stretch.stream == served.stretch.stream) {
            let from = gap.stretch.from.max(served.stretch.from.after(late));
            let reaches = gap.stretch.until.unwrap_or(Time::NEVER).min(until).since(from);
            assert!(
                reaches <= bound || !(compares || served.life == gap.life),
                "the gap {} from {} reaches {reaches:?} into a time that was served from {} to {until} (bound {bound:?})",
                gap.cause,
                gap.stretch.from,
                served.stretch.from,
            );
        }
    }
}

/// A gap's cause is one that what happened can have had.
pub(super) fn check_causes(world: &World) {
    for gap in &world.archive.gaps {
        assert!(world.faults.explain(gap.cause), "nothing that happened explains {}", gap.cause);
    }
}

/// The server has had time to serve again whatever it serves, and does.
pub(super) fn check_health(world: &mut World) {
    assert!(world.session.is_some() && world.asleep.is_none(), "not running");
    assert!(world.is_disk_sound() && world.unread.is_none(), "not reading");
    world.store(usize::MAX);
    let wanted: Vec<Stretch> = world.archive.wanted.iter().map(|wanted| wanted.stretch.clone()).collect();
    let running: Vec<_> = wanted.iter().filter(|stretch| stretch.until.is_none()).collect();
    let covered = running.iter().filter(|stretch| world.archive.running_cover(stretch.stream).is_some()).count();
    // A server that keeps both names and answers to itself cannot be understood in every case, only survived.
    let clear =
        world.server.naming != Naming::Nowhere || (!world.server.forgetful && world.server.limit > running.len());
    if world.server.credits && clear {
        assert_eq!(covered, running.len().min(world.server.limit), "not everything is served that could be");
    }
}

/// No hot loop: in no minute more attempts than the shortest wait allows.
pub(super) fn check_pace(dials: &[Time]) {
    for (first, last) in dials.iter().zip(dials.iter().skip(70)) {
        assert!(last.since(*first) > Duration::from_mins(1), "70 attempts within a minute of {first}");
    }
}

//! The tasks of a run, all on one thread: orders, connections, the world, the timeline, the journal.

use super::Order;
use super::door::Door;
use crate::simulator::clock::instant;
use crate::simulator::connection::serve;
use crate::simulator::node::{Node, Totals};
use crate::simulator::rest;
use crate::simulator::scenario::Rate;
use serde_json::json;
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{MissedTickBehavior, interval, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;

/// How often the journal is handed over, and the world looks what is due.
const REPORT_EVERY: Duration = Duration::from_millis(20);
const PACE: Duration = Duration::from_millis(2);
/// How long a client may take over the last goodbye.
const GOODBYE: Duration = Duration::from_millis(500);
const RETRY_LISTEN: Duration = Duration::from_millis(100);
/// Messages made at one go at [`Rate::Max`], before the connections get their turn.
const BURST: usize = 64;
/// After a pause of the machine, no more than this is caught up on.
const CATCH_UP: Duration = Duration::from_secs(1);

/// Lives until an order, a cue, the time or a broken journal ends the run.
pub(super) fn run(
    runtime: &Runtime,
    node: Node,
    doors: (Door, Door),
    tls: Option<TlsAcceptor>,
    orders: mpsc::Receiver<Order>,
) -> io::Result<Totals> {
    let (door, rest_door) = doors;
    let (url, rest_url) =
        (super::stream_url(door.address, tls.is_some()), super::rest_url(rest_door.address, tls.is_some()));
    let node = Rc::new(RefCell::new(node));
    let seed = node.borrow().scenario().seed;
    node.borrow_mut().note("listening", json!({"url": url, "rest_url": rest_url, "seed": seed}));
    LocalSet::new().block_on(runtime, async {
        let tasks = [
            spawn_local(accept(Rc::clone(&node), door, Side::Stream, tls.clone())),
            spawn_local(accept(Rc::clone(&node), rest_door, Side::Rest, tls)),
            spawn_local(produce(Rc::clone(&node))),
            spawn_local(report(Rc::clone(&node))),
            spawn_local(direct(Rc::clone(&node))),
        ];
        until_stopped(&node, orders).await;
        node.borrow_mut().stop();
        // Who does not hear the goodbye in time is left without it.
        drop(timeout(GOODBYE, deserted(&node)).await);
        for task in tasks {
            task.abort();
        }
    });
    node.borrow_mut().finish()
}

async fn deserted(node: &Rc<RefCell<Node>>) {
    let gone = node.borrow().bells().gone;
    while !node.borrow().is_deserted() {
        gone.notified().await;
    }
}

/// Takes orders until one of them, the time, a cue or a broken journal ends the run.
async fn until_stopped(node: &Rc<RefCell<Node>>, mut orders: mpsc::Receiver<Order>) {
    let end = node.borrow().scenario().run_for.map(|run_for| instant() + run_for);
    let mut look = interval(REPORT_EVERY);
    loop {
        let order = tokio::select! {
            order = orders.recv() => order,
            _ = look.tick() => {
                if node.borrow().is_stopping() || end.is_some_and(|end| instant() >= end) {
                    return;
                }
                continue;
            }
        };
        match order {
            Some(Order::Cue(cue)) => node.borrow_mut().arm(*cue),
            Some(Order::Stop) | None => return,
        }
    }
}

/// The two sides of the simulator, each with a door of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Side {
    Stream,
    Rest,
}

/// Takes connections in while the node listens.
async fn accept(node: Rc<RefCell<Node>>, mut door: Door, side: Side, tls: Option<TlsAcceptor>) {
    let bells = node.borrow().bells();
    let bell = if side == Side::Stream { bells.door } else { bells.rest_door };
    loop {
        let listening = match side {
            Side::Stream => node.borrow().is_listening(),
            Side::Rest => node.borrow().is_rest_listening(),
        };
        if !listening {
            door.shut();
        } else if let Err(fault) = door.reopen() {
            let what = format!("cannot listen again: {fault}");
            node.borrow_mut().note("trouble", json!({"what": what}));
            tokio::time::sleep(RETRY_LISTEN).await;
            continue;
        }
        let accepted = tokio::select! { () = bell.notified() => continue, accepted = door.next() => accepted };
        match (accepted, side) {
            (Ok(tcp), Side::Stream) => drop(spawn_local(serve(Rc::clone(&node), tcp, tls.clone()))),
            (Ok(tcp), Side::Rest) => drop(spawn_local(rest::serve(Rc::clone(&node), tcp, tls.clone()))),
            // Out of file descriptors, say: the next one may fare better.
            (Err(_), _) => tokio::time::sleep(REPORT_EVERY).await,
        }
    }
}

/// The world goes on, at its pace or at that of its clients.
async fn produce(node: Rc<RefCell<Node>>) {
    let room = node.borrow().bells().room;
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut rate = node.borrow().rate();
    let (mut since, mut made) = (instant(), 0);
    loop {
        let now = node.borrow().rate();
        if now != rate {
            (rate, since, made) = (now, instant(), 0);
        }
        if rate == Rate::Max {
            if !node.borrow().has_room() {
                room.notified().await;
                continue;
            }
            for _ in 0..BURST {
                node.borrow_mut().produce_next();
            }
            tokio::task::yield_now().await;
            continue;
        }
        pace.tick().await;
        let mut node = node.borrow_mut();
        let due = rate.due(since.elapsed());
        made = made.max(due.saturating_sub(rate.due(CATCH_UP).max(1)));
        while made < due && node.rate() == rate {
            node.produce_next();
            made += 1;
        }
    }
}

/// Keeps the journal no further than 20 ms behind.
async fn report(node: Rc<RefCell<Node>>) {
    let mut every = interval(REPORT_EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        node.borrow_mut().report();
    }
}

/// Fires the timeline's cues at their times.
async fn direct(node: Rc<RefCell<Node>>) {
    let changed = node.borrow().bells().timeline;
    loop {
        node.borrow_mut().run_due(instant());
        let deadline = node.borrow().cue_deadline();
        match deadline {
            Some(deadline) => tokio::select! { () = sleep_until(deadline) => {}, () = changed.notified() => {} },
            None => changed.notified().await,
        }
    }
}

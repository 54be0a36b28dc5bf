//! The queue before the writer: ordered, bounded in bytes, and with one lock a batch.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use super::batch::Batch;
use super::heal::Healing;
use super::open::{StreamStart, Wanted};
use crate::healing::Written;
use crate::limits::{
    BRISK, BURST_BYTES_MAX, COMMIT_APART, COMMIT_APART_SOME, COMMIT_ROWS_FEW, COMMIT_ROWS_MAX, COMMIT_ROWS_SOME,
    QUARANTINED_WEIGHT, QUEUE_BRISK,
};
use crate::time::Time;

/// The unit in which the bound is counted, in bytes.
const UNIT: usize = 1024;

/// Emptied batches kept for use again, and the most memory that one of them may hold on to.
const SPARE_MAX: usize = 8;
const SPARE_BYTES_MAX: usize = 2 * BURST_BYTES_MAX;

/// How often a waiting writer shows that it lives.
const BEAT_EVERY: Duration = Duration::from_secs(1);

/// How much longer than asked [`Intake::finish`] waits for the writer's own word.
const GRACE: Duration = Duration::from_millis(500);

/// Bounds of the queue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct QueueBounds {
    /// Weight of all that waits, in bytes. A single batch may exceed it when nothing else waits.
    pub max_bytes: usize,
}

/// The writer ended before it could answer; its last event says why.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the archive's writer has ended")]
pub struct AdoptError;

/// Why not everything is stored at the end.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FinishError {
    #[error("not everything received could be stored, the rest is a gap: {0}")]
    Failing(String),
    #[error("the archive's writer did not finish in time, what it had not committed is a gap")]
    Stuck,
    #[error("the archive's writer has ended before everything was stored, the rest is a gap")]
    Gone,
}

/// What waits for the writer.
pub(super) enum Order {
    Write(Parcel),
    Adopt { added: Vec<Wanted>, now: Time, answer: oneshot::Sender<Vec<StreamStart>> },
    Heal { healing: Box<Healing>, answer: oneshot::Sender<Written> },
    Finish { answer: oneshot::Sender<Result<(), String>> },
}

/// A batch as it waits: what it counts for is fixed when it comes, and given back when it is stored.
pub(super) struct Parcel {
    pub(super) batch: Batch,
    weight: usize,
    permits: u32,
}

/// What the writer is to do next.
pub(super) enum Task {
    Nothing,
    Write(Vec<Parcel>),
    Adopt { added: Vec<Wanted>, now: Time, answer: oneshot::Sender<Vec<StreamStart>> },
    Heal { healing: Box<Healing>, answer: oneshot::Sender<Written> },
    Finish { answer: oneshot::Sender<Result<(), String>> },
}

#[derive(Default)]
struct Waiting {
    orders: VecDeque<Order>,
    spare: Vec<Batch>,
    finish_by: Option<Time>,
    gone: bool,
}

impl Waiting {
    /// How far apart two commits are to be for what waits: it waits for more if it is little, and nothing that anyone
    /// waits for in turn.
    fn apart(&self) -> Duration {
        let mut rows = 0;
        for order in &self.orders {
            match order {
                Order::Write(parcel) if !parcel.batch.is_grave() => rows += parcel.batch.rows(),
                Order::Write(_) | Order::Adopt { .. } | Order::Heal { .. } | Order::Finish { .. } => {
                    return Duration::ZERO;
                }
            }
            if rows >= COMMIT_ROWS_SOME {
                return Duration::ZERO;
            }
        }
        if rows < COMMIT_ROWS_FEW { COMMIT_APART } else { COMMIT_APART_SOME }
    }
}

/// Both ends' view of the queue.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    hurry: Condvar,
    room: Semaphore,
    bound: u32,
    bytes: AtomicUsize,
    frames: AtomicUsize,
    progress: AtomicU64,
    /// The writer is to catch up.
    draining: AtomicBool,
    /// When something was stored last, in microseconds.
    released: AtomicI64,
    quarantine: AtomicU64,
    clock: Box<dyn Fn() -> Time + Send + Sync>,
}

/// The connection's end of the queue.
#[derive(Clone)]
pub struct Intake(Arc<Queue>);

impl Intake {
    /// An empty batch, with the buffers of one that has been written.
    pub fn batch(&self) -> Batch {
        self.0.lock().spare.pop().unwrap_or_default()
    }

    /// Hands a batch to the writer, or back if there is no room: then wait for [`Self::room`].
    pub fn try_send(&self, batch: Batch) -> Result<(), Batch> {
        let permits = self.0.permits(batch.weight());
        match self.0.room.try_acquire_many(permits) {
            Ok(permit) => permit.forget(),
            Err(_) => return Err(batch),
        }
        self.0.push_batch(batch, permits);
        Ok(())
    }

    /// Waits until a batch of this weight can be sent. May be dropped and called again. For one sender.
    /// Never ends once the writer has ended: see [`super::Events`].
    pub async fn room(&self, weight: usize) {
        match self.0.room.acquire_many(self.0.permits(weight)).await {
            Ok(permit) => drop(permit),
            Err(_) => std::future::pending().await,
        }
    }

    /// Has the writer catch up, or work as usual again, from its next commit on: what waits is not waited for.
    pub fn drain(&self, on: bool) {
        self.0.draining.store(on, Ordering::Relaxed);
    }

    /// Until when nothing more should be read although there is room: the writer keeps up, and what waits is only late.
    /// See [`Self::brisk_room`].
    pub fn held_until(&self, now: Time) -> Option<Time> {
        let until = Time::from_micros(self.0.released.load(Ordering::Relaxed)).after(BRISK);
        (until > now && self.queued_bytes() > self.0.brisk()).then_some(until)
    }

    /// Waits until so little is queued that reading goes on. May be dropped and called again. For one sender.
    pub async fn brisk_room(&self) {
        let taken = self.0.permits(self.0.brisk());
        match self.0.room.acquire_many(self.0.bound.saturating_sub(taken)).await {
            Ok(permit) => drop(permit),
            Err(_) => std::future::pending().await,
        }
    }

    /// Weight of all that waits and is not yet committed, in bytes.
    pub fn queued_bytes(&self) -> usize {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// Frames that wait and are not yet committed.
    pub fn queued_frames(&self) -> usize {
        self.0.frames.load(Ordering::Relaxed)
    }

    /// A count that grows at least every two seconds as long as the writer lives, works or retries.
    pub fn progress(&self) -> u64 {
        self.0.progress.load(Ordering::Relaxed)
    }

    /// Takes room in the quarantine for a frame of so many bytes; false if there is too little left.
    pub fn quarantine_room(&self, bytes: usize) -> bool {
        let bytes = u64::try_from(bytes.saturating_add(QUARANTINED_WEIGHT)).unwrap_or(u64::MAX);
        let taken = |left: u64| left.checked_sub(bytes);
        self.0.quarantine.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }

    /// Makes streams wanted, after everything sent before. Committed when it answers. Labels of streams that are
    /// wanted already are renewed; the answer names only those that are new or wanted again.
    pub async fn adopt(&self, added: Vec<Wanted>, now: Time) -> Result<Vec<StreamStart>, AdoptError> {
        let (answer, answered) = oneshot::channel();
        if !self.0.push(Order::Adopt { added, now, answer }) {
            return Err(AdoptError);
        }
        answered.await.map_err(|_gone| AdoptError)
    }

    /// Writes one step of a job, after everything sent before. On the medium when it answers.
    pub async fn heal(&self, healing: Healing) -> Result<Written, AdoptError> {
        let (answer, answered) = oneshot::channel();
        if !self.0.push(Order::Heal { healing: Box::new(healing), answer }) {
            return Err(AdoptError);
        }
        answered.await.map_err(|_gone| AdoptError)
    }

    /// Commits everything sent so far, moves the log into the archive and closes it. The writer ends.
    pub async fn finish(&self, within: Duration) -> Result<(), FinishError> {
        let (answer, answered) = oneshot::channel();
        self.0.lock().finish_by = Some(self.0.now().after(within));
        self.0.hurry.notify_all();
        if !self.0.push(Order::Finish { answer }) {
            return Err(FinishError::Gone);
        }
        match timeout(within.saturating_add(GRACE), answered).await {
            Ok(Ok(stored)) => stored.map_err(FinishError::Failing),
            Ok(Err(_gone)) => Err(FinishError::Gone),
            Err(_elapsed) => Err(FinishError::Stuck),
        }
    }
}

impl Queue {
    pub(super) fn new(
        bounds: QueueBounds,
        quarantine: u64,
        clock: Box<dyn Fn() -> Time + Send + Sync>,
    ) -> (Intake, Arc<Self>) {
        let bound = u32::try_from(bounds.max_bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        let permits = usize::try_from(bound).unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS);
        let queue = Arc::new(Self {
            waiting: Mutex::default(),
            arrived: Condvar::new(),
            hurry: Condvar::new(),
            room: Semaphore::new(permits),
            bound,
            bytes: AtomicUsize::new(0),
            frames: AtomicUsize::new(0),
            progress: AtomicU64::new(0),
            draining: AtomicBool::new(false),
            released: AtomicI64::new(0),
            quarantine: AtomicU64::new(quarantine),
            clock,
        });
        (Intake(Arc::clone(&queue)), queue)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A batch heavier than the whole bound takes all of it, so it waits until it is alone.
    fn permits(&self, weight: usize) -> u32 {
        u32::try_from(weight.div_ceil(UNIT)).unwrap_or(u32::MAX).min(self.bound)
    }

    /// The weight above which what waits is only late.
    fn brisk(&self) -> usize {
        let bound = usize::try_from(self.bound).unwrap_or(usize::MAX).saturating_mul(UNIT);
        QUEUE_BRISK.min(bound / 2)
    }

    fn push(&self, order: Order) -> bool {
        let mut waiting = self.lock();
        if waiting.gone {
            return false;
        }
        waiting.orders.push_back(order);
        drop(waiting);
        self.arrived.notify_one();
        true
    }

    /// Queues a batch; behind a small one that still waits it is put into that one, so that a long wait is made of
    /// few batches and the bound in bytes is a bound in batches too.
    fn push_batch(&self, mut batch: Batch, permits: u32) {
        let weight = batch.weight();
        let mut surplus = 0;
        self.frames.fetch_add(batch.rows(), Ordering::Relaxed);
        let mut waiting = self.lock();
        match waiting.orders.back_mut() {
            Some(Order::Write(last))
                if last.weight + weight <= BURST_BYTES_MAX && last.batch.rows() + batch.rows() <= COMMIT_ROWS_MAX =>
            {
                last.batch.append(&mut batch);
                self.bytes.fetch_add(last.batch.weight() - last.weight, Ordering::Relaxed);
                last.weight = last.batch.weight();
                let needed = self.permits(last.weight);
                surplus = last.permits.saturating_add(permits).saturating_sub(needed);
                last.permits = needed;
                keep(&mut waiting.spare, batch);
            }
            _ => {
                self.bytes.fetch_add(weight, Ordering::Relaxed);
                waiting.orders.push_back(Order::Write(Parcel { batch, weight, permits }));
            }
        }
        drop(waiting);
        self.room.add_permits(usize::try_from(surplus).unwrap_or(0));
        self.arrived.notify_one();
    }

    pub(super) fn now(&self) -> Time {
        (self.clock)()
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(super) fn frames(&self) -> usize {
        self.frames.load(Ordering::Relaxed)
    }

    /// Shows that the writer lives.
    pub(super) fn beat(&self) {
        self.progress.fetch_add(1, Ordering::Relaxed);
    }

    /// The moment by which the writer must have ended, once it was asked to.
    pub(super) fn finish_by(&self) -> Option<Time> {
        self.lock().finish_by
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().orders.is_empty()
    }

    /// Takes what waits, at most so many rows and bytes of batches but always one; waits for it for `patience`, and, if
    /// it is little and `wrote` not long ago, for more.
    pub(super) fn take(&self, rows: usize, bytes: usize, patience: Duration, wrote: Time) -> Task {
        let waiting = self.lock();
        let (waiting, _) = self
            .arrived
            .wait_timeout_while(waiting, patience, |waiting| waiting.orders.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        // Little waits shortly, and a few rows longer.
        let mut waiting = waiting;
        for apart in [COMMIT_APART_SOME, COMMIT_APART] {
            let left = wrote.after(apart).since(self.now());
            (waiting, _) = self
                .arrived
                .wait_timeout_while(waiting, left, |waiting| waiting.apart() >= apart)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let mut parcels: Vec<Parcel> = Vec::new();
        let (mut taken_rows, mut taken_bytes) = (0, 0);
        while let Some(order) = waiting.orders.pop_front() {
            match order {
                Order::Write(parcel) => {
                    taken_rows += parcel.batch.rows();
                    taken_bytes += parcel.weight;
                    if !parcels.is_empty() && (taken_rows > rows || taken_bytes > bytes) {
                        waiting.orders.push_front(Order::Write(parcel));
                        break;
                    }
                    parcels.push(parcel);
                }
                other if !parcels.is_empty() => {
                    waiting.orders.push_front(other);
                    break;
                }
                Order::Adopt { added, now, answer } => return Task::Adopt { added, now, answer },
                Order::Heal { healing, answer } => return Task::Heal { healing, answer },
                Order::Finish { answer } => return Task::Finish { answer },
            }
        }
        if parcels.is_empty() { Task::Nothing } else { Task::Write(parcels) }
    }

    /// These are stored: there is room again.
    pub(super) fn release(&self, parcels: Vec<Parcel>) {
        let mut permits: usize = 0;
        let mut waiting = self.lock();
        for mut parcel in parcels {
            self.bytes.fetch_sub(parcel.weight, Ordering::Relaxed);
            self.frames.fetch_sub(parcel.batch.rows(), Ordering::Relaxed);
            permits = permits.saturating_add(usize::try_from(parcel.permits).unwrap_or(0));
            parcel.batch.clear();
            keep(&mut waiting.spare, parcel.batch);
        }
        drop(waiting);
        self.released.store(self.now().micros(), Ordering::Relaxed);
        self.room.add_permits(permits);
    }

    /// Waits, showing that the writer lives; ends early when it is asked to finish.
    pub(super) fn pause(&self, span: Duration) {
        let mut left = span;
        while !left.is_zero() {
            self.beat();
            let slice = left.min(BEAT_EVERY);
            left = left.saturating_sub(slice);
            let waiting = self.lock();
            let hurried = waiting.finish_by.is_some();
            let (waiting, slept) = self
                .hurry
                .wait_timeout_while(waiting, slice, |waiting| waiting.finish_by.is_some() == hurried)
                .unwrap_or_else(PoisonError::into_inner);
            drop(waiting);
            if !slept.timed_out() {
                return;
            }
        }
    }

    /// The writer ends although not everything is stored: whoever asked it to finish learns why.
    pub(super) fn refuse(&self, why: &str) {
        for order in self.lock().orders.drain(..) {
            if let Order::Finish { answer } = order {
                drop(answer.send(Err(why.to_owned())));
            }
        }
    }

    /// The writer has ended: nobody waits for it any more.
    pub(super) fn close(&self) {
        let mut waiting = self.lock();
        waiting.gone = true;
        waiting.orders.clear();
        drop(waiting);
        self.room.close();
    }
}

/// Keeps an emptied batch for use again, if it is not too large.
fn keep(spare: &mut Vec<Batch>, batch: Batch) {
    if spare.len() < SPARE_MAX && batch.capacity() <= SPARE_BYTES_MAX {
        spare.push(batch);
    }
}

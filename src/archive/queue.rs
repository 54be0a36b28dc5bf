//! The queue before the writer: ordered, bounded in bytes, and with one lock a batch.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use super::batch::Batch;
use super::open::{StreamStart, Wanted};
use crate::limits::{BURST_BYTES_MAX, COMMIT_ROWS_MAX};
use crate::time::Time;

/// The unit in which the bound is counted, in bytes.
const UNIT: usize = 1024;

/// Emptied batches kept for use again, and the most memory that one of them may hold on to.
const SPARE_MAX: usize = 8;
const SPARE_BYTES_MAX: usize = 2 * BURST_BYTES_MAX;

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
    Write { batch: Batch, permits: u32 },
    Adopt { added: Vec<Wanted>, now: Time, answer: oneshot::Sender<Vec<StreamStart>> },
    Finish { answer: oneshot::Sender<Result<(), String>> },
}

#[derive(Default)]
struct Waiting {
    orders: VecDeque<Order>,
    spare: Vec<Batch>,
    finish_by: Option<Time>,
    gone: bool,
}

/// Both ends' view of the queue.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    room: Semaphore,
    bound: u32,
    bytes: AtomicUsize,
    frames: AtomicUsize,
    progress: AtomicU64,
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
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
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

    /// Commits everything sent so far, moves the log into the archive and closes it. The writer ends.
    pub async fn finish(&self, within: Duration) -> Result<(), FinishError> {
        let (answer, answered) = oneshot::channel();
        self.0.lock().finish_by = Some(self.0.now().after(within));
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
            room: Semaphore::new(permits),
            bound,
            bytes: AtomicUsize::new(0),
            frames: AtomicUsize::new(0),
            progress: AtomicU64::new(0),
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
        self.bytes.fetch_add(batch.weight(), Ordering::Relaxed);
        self.frames.fetch_add(batch.rows(), Ordering::Relaxed);
        let mut waiting = self.lock();
        match waiting.orders.back_mut() {
            Some(Order::Write { batch: last, permits: held })
                if last.weight() + batch.weight() <= BURST_BYTES_MAX
                    && last.rows() + batch.rows() <= COMMIT_ROWS_MAX =>
            {
                last.append(&mut batch);
                *held = held.saturating_add(permits);
                keep(&mut waiting.spare, batch);
            }
            _ => waiting.orders.push_back(Order::Write { batch, permits }),
        }
        drop(waiting);
        self.arrived.notify_one();
    }

    pub(super) fn now(&self) -> Time {
        (self.clock)()
    }
}

/// Keeps an emptied batch for use again, if it is not too large.
fn keep(spare: &mut Vec<Batch>, batch: Batch) {
    if spare.len() < SPARE_MAX && batch.capacity() <= SPARE_BYTES_MAX {
        spare.push(batch);
    }
}

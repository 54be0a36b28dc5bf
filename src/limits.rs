//! Every bound in one place, with the agreements between them.

use std::time::Duration;

/// Streams that one connection may carry (DataSift, Multiple Streams).
pub const STREAMS_MAX: usize = 5_000;
/// Frames read in a row before the rest of the loop has its turn.
pub const BURST_FRAMES_MAX: usize = 128;
/// Bytes of frames read in a row before the rest of the loop has its turn.
pub const BURST_BYTES_MAX: usize = 256 * 1024;
/// Rows in one commit.
pub const COMMIT_ROWS_MAX: usize = 1_000;
/// Rows in one commit while catching up.
pub const COMMIT_ROWS_DRAINING_MAX: usize = 8_000;
/// Fewer rows than this wait for more: a commit writes whole pages, however little has changed in them.
pub const COMMIT_ROWS_FEW: usize = 5;
/// They wait until the last commit is this old, so that the first row after a pause does not wait at all.
pub const COMMIT_APART: Duration = Duration::from_millis(25);
/// Fewer rows than this wait for more, too, but not as long.
pub const COMMIT_ROWS_SOME: usize = 200;
pub const COMMIT_APART_SOME: Duration = Duration::from_millis(2);
/// While the writer keeps up, nothing is read beyond this weight in the queue: what waits there is only late. The rest of
/// the queue is for a disk that stalls, and for catching up.
pub const QUEUE_BRISK: usize = 4 * 1024 * 1024;
/// The writer keeps up as long as its last commit is not older than this.
pub const BRISK: Duration = Duration::from_millis(50);
/// Payload bytes in one commit, beyond which it is closed. One message may exceed it.
pub const COMMIT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// What a batch weighs in the queue beside its payloads, so that empty ones cannot fill memory either.
pub const BATCH_WEIGHT: usize = 1_024;
/// Bytes of ours that may wait to be sent to the server.
pub const WRITE_BUFFER_MAX: usize = 1024 * 1024;
/// Objects that one frame may hold, and names that one status may list; beyond it what is left is kept unread. A server
/// puts one into a frame; a hostile one could make a thousand bytes of memory out of each of its own.
pub const FRAME_OBJECTS_MAX: usize = 10_000;
/// What a frame in quarantine counts for beside its bytes: many small ones must not fill the memory or the disk either.
pub const QUARANTINED_WEIGHT: usize = 256;
/// Bytes of the head of an HTTP answer: status line and headers.
pub const HTTP_HEAD_BYTES_MAX: usize = 64 * 1024;
/// Headers of an HTTP answer.
pub const HTTP_HEADERS_MAX: usize = 100;
/// Text of a peer in a notice, a reason or an error, in bytes after escaping.
pub const PEER_TEXT_MAX: usize = 256;
/// An interaction's id above this many bytes is replaced by a digest.
pub const ID_BYTES_MAX: usize = 256;
/// A kind of source above this many bytes is cut.
pub const KIND_BYTES_MAX: usize = 64;
/// Notices of one name that a peer can provoke, per minute; further ones are counted.
pub const PROVOKED_NOTICES_PER_MINUTE: u32 = 10;
/// Notices that may wait for the log; further ones are counted. The archive has them all.
pub const LOG_QUEUE_MAX: usize = 4_096;
/// A sentence or a value in a log line, in bytes; a longer one is cut. The archive has the whole.
pub const LOG_TEXT_MAX: usize = 2_048;
/// Members of a list in a log line; further ones are counted. The archive has them all.
pub const LOG_LIST_MAX: usize = 20;
/// The line that the service manager shows, in characters.
pub const STATUS_TEXT_MAX: usize = 256;
/// How often a summary is said.
pub const SUMMARY_EVERY: Duration = Duration::from_mins(1);
/// A server that sends us away again this soon after the connect waits like a failing network.
pub const HASTY: Duration = Duration::from_secs(10);
/// An unattributed refusal is settled when no answer came for this long.
pub const SETTLE: Duration = Duration::from_secs(2);
/// An unanswered subscription is asked again this often at once; then it waits as after trouble.
pub const ASKS_IN_A_ROW: u32 = 3;
/// The longest wait that a server's `Retry-After` can impose.
pub const RETRY_AFTER_MAX: Duration = Duration::from_hours(1);
/// The queue is near empty below this share of its bound: one part in so many.
pub const QUEUE_LOW_PART: usize = 16;
/// Catching up ends when the queue has stayed near empty for this long.
pub const DRAIN_QUIET: Duration = Duration::from_mins(1);
/// A queue that has been fuller no longer than this has stayed near empty.
pub const DRAIN_PEAK: Duration = Duration::from_secs(3);
/// How long a closing connection may still deliver after we asked to stop.
pub const FAREWELL_MAX: Duration = Duration::from_secs(2);
/// How long the writer may take to commit what is left when the daemon stops.
pub const DRAIN_AT_STOP_MAX: Duration = Duration::from_secs(7);
/// How often an idle connection's position is written.
pub const POSITION_EVERY: Duration = Duration::from_secs(5);
/// The daemon's row and its STATUS line are renewed this often at most.
pub const STATUS_EVERY: Duration = Duration::from_secs(1);
/// A failed write is tried again after this long, doubling.
pub const STORAGE_RETRY_FIRST: Duration = Duration::from_millis(200);
pub const STORAGE_RETRY_MAX: Duration = Duration::from_secs(10);
/// The write-ahead log is moved into the archive, beside the writer, when so much of it has not been.
pub const CHECKPOINT_BYTES: u64 = 6 * 1024 * 1024;
/// From this length on the log is to begin anew.
pub const LOG_LONG: u64 = 32 * 1024 * 1024;
/// Then the writer moves the rest of it itself, if that is no more than this.
pub const CHECKPOINT_REST: u64 = 6 * 1024 * 1024;
/// The write-ahead log's file is not cut shorter than this when it begins anew.
pub const LOG_KEPT_MAX: u64 = 64 * 1024 * 1024;
/// Deliveries that one account may have at a time (DataSift, Push Delivery: "200 active, retrying or paused").
pub const JOBS_MAX: usize = 200;
/// Streams that one job may ask for: their definition stays below the 6,060 characters that the service is known to take.
pub const COMBINE_MAX: usize = 45;
/// What the requests of one job are taken to cost, in the server's credits (DataSift, Rate Limiting).
pub const JOB_CREDITS: usize = 166;
/// Bytes around the rows of a page.
pub const BODY_OVERHEAD: usize = 1024 * 1024;
/// Notices of backfill that may wait for the loop.
pub const HEAL_NOTICES_MAX: usize = 64;
/// How long `siftd reload` waits for the daemon's answer.
pub const RELOAD_ANSWER_MAX: Duration = Duration::from_secs(30);
/// Files that the daemon has open at a time, with some to spare: archive, log, sockets, settings, threads that read.
pub const FILES_MIN: usize = 48;
/// While an archive is brought to this version, who waits is told this often.
pub const UPGRADE_TOLD_EVERY: Duration = Duration::from_secs(5);
/// What the service manager is asked to wait each time: longer than the longest step between two of them.
pub const UPGRADE_STEP_MAX: Duration = Duration::from_mins(15);
/// Everything a stop may take; systemd/siftd.service gives more (`TimeoutStopSec`).
pub const STOP_MAX: Duration = Duration::from_secs(10);

const _: () = assert!(STREAMS_MAX <= FRAME_OBJECTS_MAX);
const _: () = assert!(BURST_FRAMES_MAX <= COMMIT_ROWS_MAX);
const _: () = assert!(BURST_BYTES_MAX <= COMMIT_BYTES_MAX);
const _: () = assert!(COMMIT_ROWS_FEW < COMMIT_ROWS_SOME && COMMIT_ROWS_SOME < COMMIT_ROWS_MAX);
const _: () = assert!(COMMIT_ROWS_MAX <= COMMIT_ROWS_DRAINING_MAX);
const _: () = assert!(STORAGE_RETRY_FIRST.as_millis() <= STORAGE_RETRY_MAX.as_millis());
const _: () = assert!(FAREWELL_MAX.as_millis() + DRAIN_AT_STOP_MAX.as_millis() < STOP_MAX.as_millis());

//! One notice as one event of `tracing`, with its fields, made harmless for whoever reads the log.

use serde_json::{Map, Number, Value};
use tracing::Level as Importance;
use tracing::field::display;

use crate::limits::{LOG_LIST_MAX, LOG_TEXT_MAX};
use crate::notice::{Level, Notice};
use crate::peer_text::one_line;
use crate::time::Time;

/// The target of every event.
pub(super) const TARGET: &str = "siftd";

/// What comes before a field's name in the event; in capitals it is the journal's `SIFTD_`.
pub(super) const PREFIX: &str = "siftd_";

/// A value as `tracing` takes it; nothing if the notice does not have the field.
type Cell = Option<Box<dyn tracing::Value>>;

/// Defines `emit_at!`, which makes an event with all the fields that any notice has, in this order. (The names in an
/// event of `tracing` are fixed when the program is compiled; an absent field leaves no trace.)
macro_rules! fields {
    ($($field:ident)*) => {
        /// The fields of all notices, in the order of a line: our own words first, those of others last.
        #[cfg(test)]
        pub(super) const FIELDS: &[&str] = &[$(stringify!($field)),*];

        /// Hands one event to the thread's subscriber.
        fn emit_at(importance: Importance, at: Time, notice: &Notice, detail: &mut Map<String, Value>) {
            let entry = notice.entry();
            let (message, message_id) = (one_line(&notice.to_string(), LOG_TEXT_MAX), entry.message_id());
            let (message, message_id, at) = (message.as_str(), message_id.as_str(), at.to_string());
            $(let $field = cell(detail.remove(stringify!($field).trim_start_matches(PREFIX)));)*
            macro_rules! emit {
                ($level:expr) => {
                    tracing::event!(target: TARGET, $level, message, message_id, siftd_notice = entry.name,
                        siftd_at = at.as_str(), $($field),*)
                };
            }
            match importance {
                Importance::ERROR => emit!(Importance::ERROR),
                Importance::WARN => emit!(Importance::WARN),
                Importance::INFO => emit!(Importance::INFO),
                _ => emit!(Importance::DEBUG),
            }
        }
    };
}

fields! {
    siftd_connection siftd_stream siftd_streams siftd_cause siftd_state siftd_since_us siftd_before_us siftd_seconds
    siftd_attempt siftd_retry_seconds siftd_probe_seconds siftd_active siftd_wanted siftd_out siftd_overflow
    siftd_open_gaps siftd_interactions siftd_per_second siftd_deletes siftd_bytes siftd_queue_bytes siftd_max_bytes
    siftd_wal_bytes siftd_job siftd_jobs siftd_backfill_pending siftd_backfill_running siftd_backfill_filled
    siftd_backfill_failed siftd_gap siftd_gaps siftd_rows siftd_credits siftd_milliunits siftd_limit siftd_count
    siftd_name siftd_last siftd_watermark_us siftd_version siftd_from_version siftd_to_version siftd_pid
    siftd_handshake_ms siftd_archive siftd_url siftd_added siftd_removed siftd_changed siftd_settings siftd_why
    siftd_reason siftd_status siftd_sent siftd_faults siftd_detail siftd_text
}

/// Hands a notice to the subscriber of this thread.
pub(super) fn emit(at: Time, notice: &Notice) {
    let importance = match notice.entry().level {
        Level::Error => Importance::ERROR,
        Level::Warn => Importance::WARN,
        Level::Info => Importance::INFO,
        Level::Debug => Importance::DEBUG,
    };
    emit_at(importance, at, notice, &mut notice.detail());
}

/// Text, numbers and truth stay what they are; lists and tables become their JSON, bounded.
fn cell(value: Option<Value>) -> Cell {
    match value? {
        Value::Null => None,
        Value::Bool(truth) => Some(Box::new(truth)),
        Value::Number(number) => Some(number_cell(&number)),
        Value::String(text) => Some(Box::new(one_line(&text, LOG_TEXT_MAX))),
        listed @ (Value::Array(_) | Value::Object(_)) => Some(Box::new(display(bounded(listed)))),
    }
}

fn number_cell(number: &Number) -> Box<dyn tracing::Value> {
    match (number.as_u64(), number.as_i64(), number.as_f64()) {
        (Some(whole), _, _) => Box::new(whole),
        (None, Some(negative), _) => Box::new(negative),
        (None, None, real) => Box::new(real),
    }
}

/// The same value with harmless texts and lists of bearable length.
fn bounded(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(one_line(&text, LOG_TEXT_MAX)),
        Value::Array(members) => {
            let beyond = members.len().saturating_sub(LOG_LIST_MAX);
            let mut kept: Vec<_> = members.into_iter().take(LOG_LIST_MAX).map(bounded).collect();
            if beyond > 0 {
                kept.push(Value::String(format!("and {beyond} more")));
            }
            Value::Array(kept)
        }
        Value::Object(rows) => {
            Value::Object(rows.into_iter().map(|(key, value)| (one_line(&key, LOG_TEXT_MAX), bounded(value))).collect())
        }
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_)) => plain,
    }
}

//! The behavior that every backend must have. Each case is an async function over a new [`Env`].
//! `tests/native.rs` runs the cases natively; on workerd the worker runs them on request.

pub mod audit;
pub mod backup;
pub mod batch;
pub mod bulk;
pub mod cache;
pub mod cached;
pub mod coordination;
pub mod d1;
pub mod email;
pub mod environment;
pub mod everything;
pub mod flags;
pub mod gate;
pub mod idempotency;
pub mod jwt;
pub mod kv;
pub mod lists;
pub mod meta;
pub mod objects;
pub mod observing;
pub mod built_json;
pub mod nested;
pub mod pages;
pub mod presign;
pub mod queue;
pub mod r2;
pub mod resilience;
pub mod rules;
pub mod scheduled;
mod serve;
pub mod sessions;
pub mod shards;
pub mod streams;
pub mod tail;
pub mod tasks;
pub mod templates;
pub mod tiers;
pub mod time;
pub mod unchecked;
pub mod web;
pub mod workflows;

use objects::Room;
use workflows::Journey;

/// The class of rate limits.
pub type Limits = bindery::web::LimitObject<Env>;

/// The classes of [`bindery::coordination`].
pub type Leases = bindery::coordination::LeaseObject<Env>;
/// The shards of counters.
pub type Tallies = bindery::coordination::CounterObject<Env>;
/// Where members are.
pub type Places = bindery::coordination::PresenceObject<Env>;

/// The bindings of `wrangler.jsonc`.
#[bindery::bindings]
pub struct Env;

bindery::handlers! {
    env: Env,
    start: serve::start,
    fetch: serve::fetch,
    queue "conformance-queue": queue::consume,
    queue "conformance-lines": queue::consume_lines,
    queue "conformance-dead": queue::consume_dead_lines,
    queue "conformance-blobs": queue::consume_blobs,
    scheduled "*/20 3 * * *": scheduled::note,
    scheduled "0 12 * * MON-FRI": scheduled::note_in_background,
    scheduled "30 1 L * *": scheduled::fail,
    email: email::receive,
    tail: tail::watch,
    durable_object Room,
    durable_object Limits,
    durable_object Leases,
    durable_object Tallies,
    durable_object Places,
    workflow Journey,
}

/// The result of a case.
pub type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Returns an error from the case unless both sides are equal.
#[macro_export]
macro_rules! same {
    ($left:expr, $right:expr) => {{
        match (&$left, &$right) {
            (left, right) if left != right => {
                return Err(format!("{}:{}: {left:?} is not {right:?}", file!(), line!()).into());
            }
            _ => {}
        }
    }};
}

/// Returns finite doubles with random bits, and some that are hard to parse. The same on each call.
pub(crate) fn random_reals(count: usize) -> Vec<f64> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let random = std::iter::from_fn(|| {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        Some(state)
    });
    let any = random.enumerate().map(|(index, bits)| match index % 3 {
        0 => f64::from_bits(bits),
        // Between 1 and 1000, as measurements often are.
        1 => 1.0 + (bits >> 11) as f64 / (1_u64 << 53) as f64 * 999.0,
        _ => (bits % 1_000_000) as f64 / 700.0,
    });
    any.filter(|value| value.is_finite()).take(count).collect()
}

/// Calls `$then! { module::case ... }` with every case.
#[macro_export]
macro_rules! each_case {
    ($then:ident) => {
        $then! {
            d1::values_cross
            d1::numbers_are_real
            d1::reals_keep_every_bit
            d1::integers_keep_every_bit
            d1::invalid_values
            d1::errors_after_a_commit
            d1::optional_and_one
            d1::slices
            d1::optional_filters
            d1::constraints
            d1::upsert_and_returning
            d1::outer_joins
            d1::aggregates
            d1::changes
            bulk::values_of_rows
            bulk::expressions_of_rows
            bulk::bulk_is_one_transaction
            d1::wide_integers
            backup::round_trip
            backup::as_sql
            backup::invalid_imports
            meta::reported
            meta::of_queries
            sessions::bookmarks
            sessions::carriers
            cached::cached_rows
            cached::cached_rows_of_other_tables
            cached::rows_stored_after_a_write
            cached::errors_of_cached_queries
            cached::measured_lookups
            tiers::values_of_tiers
            tiers::lookups_fill_the_tiers_before
            tiers::stale_values
            tiers::staleness_after_a_write
            tiers::groups_of_values
            tiers::cleaning_up
            resilience::retries_of_transient_errors
            resilience::errors_that_are_not_retried
            resilience::unknown_calls_are_not_repeated
            resilience::queries_are_repeated
            resilience::timeouts
            resilience::a_breaker_opens_and_closes
            resilience::a_breaker_ignores_late_results
            web::sessions_live_and_end
            web::session_cookies
            web::sessions_of_another_type
            web::unknown_sessions_are_refused
            web::sessions_rotate
            web::all_sessions_of_a_user_end
            web::csrf_tokens
            web::a_limit_in_kv
            web::a_limit_in_objects
            web::rate_limited_requests
            jwt::valid_tokens
            jwt::published_tokens
            jwt::attacks_on_tokens
            jwt::claims_of_tokens
            web::cross_origin_requests
            web::secure_headers
            web::origins_of_other_sites
            shards::a_key_has_a_database
            shards::errors_of_shards
            shards::batches_of_shards
            shards::a_database_joins
            shards::writes_while_rows_move
            shards::cached_rows_of_shards
            shards::rows_that_cannot_be_moved
            d1::batch_is_one_transaction
            d1::batch_of_a_vec
            batch::empty_batches
            batch::shapes
            batch::long_tuples
            batch::rejected_queries
            batch::rejected_commits
            batch::unusable_results
            batch::limits_before_sending
            batch::events_of_batches
            d1::inline_queries
            d1::broken_promises
            d1::parameters_over_the_limit
            lists::of_blobs
            lists::blobs_of_rows
            lists::of_values
            lists::of_any_type
            lists::that_are_absent
            lists::with_invalid_items
            lists::numbered_parameters
            unchecked::every_value
            unchecked::shapes_of_unchecked
            unchecked::columns_by_name
            unchecked::wrong_columns
            unchecked::wrong_values
            unchecked::rejected_sql
            unchecked::wrong_parameters
            unchecked::limits_of_unchecked
            unchecked::writes
            unchecked::in_a_batch
            unchecked::in_a_batch_with_errors
            unchecked::measured
            built_json::every_type
            built_json::nested_values
            built_json::in_outer_joins
            built_json::in_inline_queries
            built_json::invalid_json
            nested::structs
            pages::every_row_once
            pages::read_only_their_rows
            pages::in_requests
            pages::invalid_pages
            rules::numbers_as_text
            rules::functions
            rules::pragmas
            rules::full_text_search
            rules::every_constraint
            rules::deferred_foreign_keys
            rules::foreign_keys_stay_on
            rules::infinities
            rules::odd_values
            rules::values_over_the_limit
            templates::sorts
            templates::sorts_or_not
            templates::filters
            templates::inline_filters
            templates::patches
            templates::templates_in_a_batch
            tasks::custom_column_types
            tasks::optional_filters_and_sort_order
            kv::entries
            kv::typed_keys
            kv::codecs
            kv::keys_are_distinct
            kv::many_values
            kv::many_large_values
            kv::a_map_of_entries
            kv::streams
            kv::expirations
            kv::read_through
            kv::numbers_keep_every_bit
            kv::metadata_and_lists
            kv::any_text_is_a_key
            kv::lists_are_in_byte_order
            kv::a_put_replaces_everything
            kv::sizes
            kv::the_largest_entries
            r2::objects
            r2::streams_in_parts
            r2::replaces_and_deletes
            r2::lists
            r2::folders
            r2::typed_object_keys
            r2::properties
            r2::checksums
            r2::ranges
            r2::conditions
            r2::multipart
            r2::malformed_multipart
            r2::too_many_bytes
            r2::a_stream_that_breaks_off
            r2::keys_of_any_text
            r2::objects_in_byte_order
            r2::bounds
            r2::the_largest_calls
            r2::responses
            r2::sweeps
            presign::own_urls
            cache::responses_of_a_cache
            cache::lifetimes_of_a_cache
            cache::uncacheable
            objects::one_object_of_a_name
            objects::values_of_calls
            objects::errors_of_calls
            objects::reset_objects
            objects::reset_transactions
            objects::values_by_key
            objects::refused_values
            objects::queries_of_objects
            objects::transactions_of_objects
            objects::turns_of_calls
            objects::requests_to_objects
            objects::refused_sockets
            objects::background_work_of_objects
            objects::alarms_that_are_set
            workflows::steps
            workflows::a_step_is_repeated_after_an_error
            workflows::an_instance_fails_with_its_error
            workflows::events_arrive_before_and_after_a_wait
            workflows::an_event_that_does_not_arrive_is_an_error
            workflows::sleeping_steps
            workflows::steps_run_at_the_same_time
            workflows::instances_have_ids
            workflows::an_instance_can_be_controlled
            queue::limits
            queue::the_largest_messages
            queue::batch
            queue::any_number_of_messages
            queue::messages_keep_every_bit
            environment::vars_and_secrets
            environment::values_of_the_dashboard
            everything::fetchers
            everything::static_assets
            everything::durable_objects
            everything::workflows
            everything::hyperdrives
            everything::vectors
            everything::models
            everything::images
            everything::data_points
            everything::emails
            everything::rate_limits
            everything::stored_secrets
            everything::versions
            everything::records
            everything::byte_records
            everything::blobs
            everything::loaders
            everything::the_rest
            everything::raw
            flags::rules_of_flags
            flags::parts_of_the_users
            flags::stored_flags
            flags::invalid_flags
            audit::entries_of_changes
            audit::entries_of_nothing
            audit::entries_as_data_points
            web::checked_input
            gate::observers_receive_every_call
            coordination::one_holder_at_a_time
            coordination::leases_end
            coordination::sharded_counters
            coordination::members_of_a_place
            idempotency::runs_once
            idempotency::leases
            idempotency::a_key_of_a_batch
            idempotency::clean_up
            observing::spans_nest
            observing::costs
            observing::summaries
            observing::samples
            observing::spans_of_tracing
            time::sleeps
            time::identifiers
        }
    };
}

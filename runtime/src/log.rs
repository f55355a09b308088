//! What a worker prints and logs.

use std::fmt;

use crate::backend;

/// Prints a line: to standard output natively, and to the console on Workers.
///
/// `println!` of the standard library prints nothing on Workers. Import this one instead.
///
/// # Examples
/// ```
/// use bindery::println;
///
/// println!("{} files", 3);
/// ```
#[macro_export]
macro_rules! println {
    ($($argument:tt)*) => {
        $crate::__private::print(::core::format_args!($($argument)*))
    };
}

/// Prints a line like [`println!`](macro@crate::println), to standard error natively.
#[macro_export]
macro_rules! eprintln {
    ($($argument:tt)*) => {
        $crate::__private::print_error(::core::format_args!($($argument)*))
    };
}

/// Prints a line.
pub fn print(line: fmt::Arguments<'_>) {
    backend::print_line(&line.to_string());
}

/// Prints a line to the log.
pub fn print_error(line: fmt::Arguments<'_>) {
    backend::log_line(&line.to_string());
}

/// Writes the events of `tracing` to the log, unless the program has installed another subscriber.
#[cfg(feature = "tracing")]
pub(crate) fn install_subscriber(options: SubscriberOptions) {
    use tracing::subscriber::set_global_default;
    use tracing_subscriber::fmt::SubscriberBuilder;

    let builder = SubscriberBuilder::default()
        .with_max_level(options.level)
        .with_ansi(false)
        .with_writer(|| Lines);
    // Fails if the program has installed a subscriber, which then receives the events.
    let _ = match options.format {
        LineFormat::Text => set_global_default(builder.finish()),
        LineFormat::Json => set_global_default(builder.json().finish()),
        LineFormat::WithoutTime => set_global_default(builder.without_time().finish()),
    };
}

/// The options of the subscriber.
#[cfg(feature = "tracing")]
#[derive(Clone, Copy)]
pub(crate) struct SubscriberOptions {
    pub(crate) level: tracing::level_filters::LevelFilter,
    pub(crate) format: LineFormat,
}

/// The format of an event.
#[cfg(feature = "tracing")]
#[derive(Clone, Copy)]
#[cfg_attr(
    target_arch = "wasm32",
    expect(dead_code, reason = "the other formats are native")
)]
#[cfg_attr(
    not(target_arch = "wasm32"),
    expect(dead_code, reason = "Workers have no clock")
)]
pub(crate) enum LineFormat {
    Text,
    Json,
    /// `SystemTime::now` panics on Workers, and the platform adds the time to each line.
    WithoutTime,
}

/// Writes each event as one line of the log.
#[cfg(feature = "tracing")]
struct Lines;

#[cfg(feature = "tracing")]
impl std::io::Write for Lines {
    fn write(&mut self, event: &[u8]) -> std::io::Result<usize> {
        backend::log_line(String::from_utf8_lossy(event).trim_end());
        Ok(event.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

//! `cases.txt`: sites, and requests with the responses of workerd.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::http::Response;

use super::super::Assets;
use super::{Folder, request, run, text};

const CASES: &str = include_str!("cases.txt");

/// The requests to a site with settings.
struct Section {
    line: &'static str,
    assets: Assets,
    has_worker: bool,
    /// The headers that the responses show.
    shown: Vec<&'static str>,
}

// Windows does not allow the names of some of the files.
#[cfg(unix)]
#[test]
fn responses_are_those_of_workerd() {
    run(async {
        let folders = sites();
        let mut section = None;
        let (mut count, mut failures) = (0, String::new());
        let requests = CASES.lines().skip_while(|line| !is_section(line));
        for line in requests.filter(|line| !line.is_empty()) {
            if is_section(line) {
                section = Some(open(line, &folders));
                continue;
            }

            let section = section.as_ref().expect("a section precedes the requests");
            let (asked, expected) = line.split_once(" => ").expect("has a response");
            let actual = respond(section, asked).await;
            count += 1;
            if actual != expected {
                let Section { line, .. } = section;
                writeln!(
                    failures,
                    "{line}\n{asked}\n  => {actual}\n  expected {expected}"
                )
                .expect("is written");
            }
        }

        assert!(failures.is_empty(), "{failures}");
        assert!(count > 1000, "{count} requests");
    });
}

fn is_section(line: &str) -> bool {
    line.starts_with("worker ") || line.starts_with("binding ")
}

/// Writes the files of each site. The content of a file is its path, or the lines that follow.
fn sites() -> BTreeMap<&'static str, Folder> {
    let mut folders: BTreeMap<_, Folder> = BTreeMap::new();
    let mut site = "";
    let mut lines = CASES.lines().peekable();
    while let Some(line) = lines.next_if(|line| !is_section(line)) {
        if let Some(name) = line.strip_prefix("site ") {
            site = name;
            folders.insert(site, Folder::new());
        }
        let Some(path) = line.strip_prefix("  /") else {
            continue;
        };

        let mut content = String::new();
        while let Some(line) = lines.next_if(|line| line.starts_with("    >")) {
            let line = line.trim_start_matches("    >");
            content.push_str(line.strip_prefix(' ').unwrap_or(line));
            content.push('\n');
        }
        if content.is_empty() {
            content = format!("/{path}");
        }
        folders[site].write(path, content);
    }
    folders
}

fn open(line: &'static str, folders: &BTreeMap<&str, Folder>) -> Section {
    let mut words = line.split(' ');
    let has_worker = words.next() == Some("worker");
    let folder = &folders[words.next().expect("has a site")];
    let settings: BTreeMap<&str, &str> = words
        .map(|word| word.split_once('=').expect("is a setting"))
        .collect();

    let shown = settings.get("show").copied().unwrap_or_default();
    let lookup = |key: &str| settings.get(key).copied();
    Section {
        line,
        assets: Assets::open(folder.0.clone(), lookup).expect("opens"),
        has_worker,
        shown: shown.split(',').collect(),
    }
}

/// Sends a request, written as in `GET /path | name: value`.
async fn respond(section: &Section, asked: &str) -> String {
    let mut parts = asked.split(" | ");
    let start = parts.next().expect("has a method");
    let (method, path) = start.split_once(' ').expect("has a path");
    let headers: Vec<(&str, &str)> = parts
        .map(|header| header.split_once(": ").expect("is a header"))
        .collect();

    let request = request(method, path, &headers);
    let path = request.uri().path();
    let response = match section.has_worker {
        false => Some(section.assets.fetch(&request).await),
        true if section.assets.worker_first(path) => None,
        true => section.assets.respond(&request).await,
    };
    match response {
        Some(response) => show(response, &section.shown).await,
        None if method == "HEAD" => "200".to_owned(),
        None => "200 worker".to_owned(),
    }
}

async fn show(response: Response, shown: &[&str]) -> String {
    let headers = response.headers().clone();
    let value = |name: &str| {
        let values = headers.get_all(name).iter();
        let values = values.map(|value| value.to_str().expect("is text"));
        let separator = if name == "set-cookie" { " & " } else { ", " };
        values.collect::<Vec<_>>().join(separator)
    };
    let mut result = response.status().as_u16().to_string();
    if headers.contains_key("location") {
        result.push_str(&format!(" -> {}", value("location")));
    }

    let body = text(response).await;
    let first_line = body.lines().next().unwrap_or_default();
    if !first_line.is_empty() {
        result.push_str(&format!(" {first_line}"));
    }
    for name in shown.iter().filter(|name| headers.contains_key(**name)) {
        result.push_str(&format!(" | {name}: {}", value(name)));
    }
    result
}

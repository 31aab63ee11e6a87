//! The chapter as a course: `--plan`, `--advise`, `--lab`, and every command of docs/course.md.

#![forbid(unsafe_code)]

mod docs;
mod lab;
mod plan;

//! Hostile peers on sockets, against the programs.
//!
//! | module | what is shown |
//! | --- | --- |
//! | `terminal` | no text of a server brings a control character to a terminal or a file |
//! | `idle` | nobody who says nothing costs CPU time |
//! | `known` | a client gives nothing away about the hosts it knows, and is not talked out of it |
//! | `strangers` | who guesses learns nothing about users |
//! | `burden` | floods before the login cost bounded memory and a bounded log |

#![forbid(unsafe_code)]

mod burden;
mod idle;
mod known;
mod strangers;
mod support;
mod terminal;

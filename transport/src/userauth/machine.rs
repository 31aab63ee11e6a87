//! State machines as tables: one row for each step that is allowed.

/// One allowed step: in this state, on this event, to that state.
pub(super) type Row<S, E> = (S, E, S);

/// The state that follows; none where the table has no row.
pub(super) fn step<S, E>(table: &[Row<S, E>], state: S, event: E) -> Option<S>
where
    S: Copy + PartialEq,
    E: Copy + PartialEq,
{
    table.iter().find(|(from, on, _)| *from == state && *on == event).map(|(.., to)| *to)
}

/// The table as the picture that stands above it: one line for each pair of states, with the
/// events that lead from one to the other.
#[cfg(test)]
pub(super) fn picture<S, E>(table: &[Row<S, E>]) -> alloc::string::String
where
    S: Copy + PartialEq + core::fmt::Debug,
    E: Copy + PartialEq + core::fmt::Debug,
{
    use core::fmt::Write as _;
    let mut out = alloc::string::String::new();
    for (i, (from, _, to)) in table.iter().enumerate() {
        let same = |row: &&Row<S, E>| row.0 == *from && row.2 == *to;
        if table.iter().take(i).any(|row| same(&row)) {
            continue;
        }
        let _ = write!(out, "//! {from:?} -> {to:?}:");
        for (_, event, _) in table.iter().filter(same) {
            let _ = write!(out, " {event:?}");
        }
        out.push('\n');
    }
    out
}

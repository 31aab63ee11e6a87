//! Where the protocol tells a trace of something: nothing happens there unless somebody listens.
//!
//! In a build with `--cfg tssh_untraced` nobody ever does, and the compiler leaves all of it out.
//! That build exists to be measured beside the ordinary one: what tracing costs while it is off.

use alloc::boxed::Box;
#[cfg(tssh_untraced)]
use core::marker::PhantomData;

/// A listener, where there is one.
#[derive(Debug)]
#[cfg(not(tssh_untraced))]
pub struct Hook<T>(Option<Box<T>>);

/// Never a listener.
#[derive(Debug)]
#[cfg(tssh_untraced)]
pub struct Hook<T>(PhantomData<fn() -> T>);

#[cfg(not(tssh_untraced))]
impl<T> Hook<T> {
    /// Nobody listens yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(None)
    }

    /// From now on `listener` does.
    pub fn set(&mut self, listener: Box<T>) {
        self.0 = Some(listener);
    }

    /// Who listens.
    #[must_use]
    pub fn get(&self) -> Option<&T> {
        self.0.as_deref()
    }

    /// Who listens, to be told.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.0.as_deref_mut()
    }
}

#[cfg(tssh_untraced)]
impl<T> Hook<T> {
    /// Nobody listens.
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }

    /// Nobody is told of anything: programs refuse to trace in such a build.
    pub fn set(&mut self, _: Box<T>) {}

    /// Nobody.
    #[must_use]
    pub const fn get(&self) -> Option<&T> {
        None
    }

    /// Nobody.
    pub const fn get_mut(&mut self) -> Option<&mut T> {
        None
    }
}

impl<T> Default for Hook<T> {
    fn default() -> Self {
        Self::new()
    }
}

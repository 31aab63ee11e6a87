//! Readiness without scanning: each source has a waker of its own that puts its token on one
//! list and wakes the one task. The cost follows activity, not the number of sources.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

/// What became ready. Numbers are slots in the driver's tables; a stale one is harmless, because
/// a token only says "look here".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    /// The SSH socket can be read.
    SshRead,
    /// The SSH socket can be written.
    SshWrite,
    /// Commands wait.
    Commands,
    /// The alarm went off.
    Alarm,
    /// A listener has connections.
    Listener(usize),
    /// A dial or a look-up moved.
    Job(usize),
    /// A SOCKS client said something.
    Negotiation(usize),
    /// An endpoint's main input can be read.
    Input(usize),
    /// An endpoint's second input can be read.
    ErrorInput(usize),
    /// An endpoint's main output takes bytes again.
    Output(usize),
    /// An endpoint's second output takes bytes again.
    ErrorOutput(usize),
}

/// The list. Each waker stands on it at most once, so it is no longer than the wakers are many.
#[derive(Default)]
pub(crate) struct ReadyList {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    ready: Vec<Arc<SourceWaker>>,
    task: Option<Waker>,
}

struct SourceWaker {
    shared: Arc<Shared>,
    token: Token,
    listed: AtomicBool,
}

impl ReadyList {
    /// A waker that lists `token`.
    pub(crate) fn waker(&self, token: Token) -> Waker {
        let shared = Arc::clone(&self.shared);
        Waker::from(Arc::new(SourceWaker { shared, token, listed: AtomicBool::new(false) }))
    }

    /// Moves what is ready to `tokens`.
    pub(crate) fn take(&self, tokens: &mut Vec<Token>) {
        let mut inner = self.shared.lock();
        for source in inner.ready.drain(..) {
            // Before anybody looks at the source: what happens from here on lists it again.
            source.listed.store(false, Ordering::Release);
            tokens.push(source.token);
        }
    }

    /// Says whom to wake; `false` where something is ready already, so that nobody need be.
    pub(crate) fn sleep(&self, task: &Waker) -> bool {
        let mut inner = self.shared.lock();
        if !inner.ready.is_empty() {
            return false;
        }
        if !inner.task.as_ref().is_some_and(|known| known.will_wake(task)) {
            inner.task = Some(task.clone());
        }
        true
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing that holds the lock can panic half way through a change.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for SourceWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.listed.swap(true, Ordering::AcqRel) {
            return;
        }
        let task = {
            let mut inner = self.shared.lock();
            inner.ready.push(Arc::clone(self));
            inner.task.take()
        };
        if let Some(task) = task {
            task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_source_is_listed_once_and_the_task_is_woken_once_per_sleep() {
        let list = ReadyList::default();
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let task = Waker::from(Arc::clone(&count));
        let (a, b) = (list.waker(Token::Input(1)), list.waker(Token::Output(1)));
        assert!(list.sleep(&task));
        a.wake_by_ref();
        a.wake_by_ref();
        b.wake_by_ref();
        assert_eq!(count.0.load(Ordering::SeqCst), 1);
        assert!(!list.sleep(&task), "something is ready");
        let mut tokens = Vec::new();
        list.take(&mut tokens);
        assert_eq!(tokens, [Token::Input(1), Token::Output(1)]);
        assert!(list.sleep(&task));
        a.wake();
        assert_eq!(count.0.load(Ordering::SeqCst), 2);
    }
}

// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! A manager of one of the two libraries, with its own maps, and a log of all that can be seen of it.

use super::epoll;
use super::kernel::{Operation, Producer, errno, set_errno};
use super::libraries::Api;
use super::operations::{Action, Batch, RINGS};
use super::rings::Rings;
use super::seen::{Seen, UNTOUCHED};
use std::cell::{Cell, OnceCell, RefCell};
use std::ffi::{c_int, c_void};
use std::os::fd::OwnedFd;

/// Lives as long as the process: callbacks point to it.
pub struct Side {
    api: &'static Api,
    pub rings: Rings,
    contexts: OnceCell<[Context; RINGS]>,
    manager: Cell<*mut c_void>,
    edges: RefCell<Option<OwnedFd>>,
    /// After so many more records, the callback does this.
    script: Cell<Option<(u32, Action)>>,
    log: RefCell<Vec<Seen>>,
}

struct Context {
    side: *const Side,
    map: usize,
}

/// Calls a function of the library and logs what it did.
macro_rules! call {
    ($side:expr, $name:ident($($argument:expr),*)) => {{
        set_errno(UNTOUCHED);
        // SAFETY: the handles are of this library and alive, see `manager` and `ring`; callback and
        // context live as long as the process.
        let value = unsafe { ($side.api.$name)($($argument),*) };
        let error = errno();
        $side.see(Seen::Call(stringify!($name), value as i64, error));
    }};
}

/// The same for a pointer; returns it.
macro_rules! call_for_pointer {
    ($side:expr, $name:ident($($argument:expr),*)) => {{
        set_errno(UNTOUCHED);
        // SAFETY: as for `call`.
        let pointer = unsafe { ($side.api.$name)($($argument),*) };
        let error = errno();
        $side.see(Seen::Call(stringify!($name), i64::from(!pointer.is_null()), error));
        pointer
    }};
}

impl Side {
    /// With maps of its own, which the producer knows as `first` and following.
    pub fn new(api: &'static Api, producer: Producer, first: u32) -> &'static Side {
        let side: &'static Side = Box::leak(Box::new(Side {
            api,
            rings: Rings::new(producer, first),
            contexts: OnceCell::new(),
            manager: Cell::new(std::ptr::null_mut()),
            edges: RefCell::new(None),
            script: Cell::new(None),
            log: RefCell::new(Vec::new()),
        }));
        let contexts = std::array::from_fn(|map| Context { side, map });
        assert!(side.contexts.set(contexts).is_ok());
        side
    }

    pub fn take_log(&self) -> Vec<Seen> {
        self.log.take()
    }

    pub fn set_script(&self, script: Option<(u32, Action)>) {
        self.script.set(script);
    }

    pub fn create(&self, rings: usize) {
        let (fd, context, options) = (self.rings.fd(0), self.context(0), std::ptr::null());
        let manager = call_for_pointer!(self, ring_buffer__new(fd, sample, context, options));
        assert!(!manager.is_null(), "ring_buffer__new");
        self.manager.set(manager);
        self.edges.replace(Some(epoll::edges_of(self.epoll_fd())));
        for map in 1..rings {
            self.add(map);
        }
    }

    pub fn free(&self) {
        self.edges.replace(None);
        let manager = self.manager.replace(std::ptr::null_mut());
        if !manager.is_null() {
            set_errno(UNTOUCHED);
            // SAFETY: the manager lives, and nobody uses it any more.
            unsafe { (self.api.ring_buffer__free)(manager) };
            self.see(Seen::Call("ring_buffer__free", 0, errno()));
        }
    }

    pub fn add(&self, map: usize) {
        let (fd, context) = (self.rings.fd(map), self.context(map));
        call!(self, ring_buffer__add(self.manager(), fd, sample, context));
    }

    /// Adds something that is no ring.
    pub fn add_fd(&self, fd: c_int) {
        let context = self.context(0);
        call!(self, ring_buffer__add(self.manager(), fd, sample, context));
    }

    pub fn poll(&self, timeout: c_int) {
        call!(self, ring_buffer__poll(self.manager(), timeout));
    }

    pub fn consume(&self) {
        call!(self, ring_buffer__consume(self.manager()));
    }

    pub fn consume_n(&self, n: usize) {
        call!(self, ring_buffer__consume_n(self.manager(), n));
    }

    pub fn ring_consume(&self, ring: u32) {
        if let Some(ring) = self.ring(ring) {
            call!(self, ring__consume(ring));
        }
    }

    pub fn ring_consume_n(&self, ring: u32, n: usize) {
        if let Some(ring) = self.ring(ring) {
            call!(self, ring__consume_n(ring, n));
        }
    }

    pub fn accessors(&self, ring: u32) {
        if let Some(ring) = self.ring(ring) {
            call!(self, ring__consumer_pos(ring));
            call!(self, ring__producer_pos(ring));
            call!(self, ring__avail_data_size(ring));
            call!(self, ring__size(ring));
            set_errno(UNTOUCHED);
            // SAFETY: a ring of the living manager.
            let fd = unsafe { (self.api.ring__map_fd)(ring) };
            let error = errno();
            let map = self.rings.map_of_fd(fd).map_or(-1, |map| map as i64);
            self.see(Seen::Call("ring__map_fd", map, error));
        }
        set_errno(UNTOUCHED);
        let valid = i64::from(self.epoll_fd() >= 0);
        self.see(Seen::Call("ring_buffer__epoll_fd", valid, errno()));
    }

    pub fn emit(&self, batch: Batch) {
        self.see(self.rings.produce(Operation::Emit, batch));
    }

    pub fn discard(&self, batch: Batch) {
        self.see(self.rings.produce(Operation::Discard, batch));
    }

    pub fn query(&self, map: usize) {
        self.see(self.rings.query(map));
    }

    /// What a wait on the manager's epoll returns.
    pub fn readiness(&self) -> Vec<(u32, u64)> {
        epoll::events(&self.epoll_fd())
    }

    /// Has the manager's epoll been notified since this was asked last?
    pub fn edge(&self) -> bool {
        let edges = self.edges.borrow();
        !epoll::events(edges.as_ref().expect("a manager")).is_empty()
    }

    /// Would a wait on the manager's epoll return?
    pub fn is_readable(&self) -> bool {
        epoll::poll(self.epoll_fd(), libc::POLLIN) != 0
    }

    fn receive(&self, map: usize, data: Vec<u8>, errno: c_int) -> c_int {
        let consumer_pos = self.rings.consumer_pos(map);
        self.see(Seen::Record {
            map,
            data,
            consumer_pos,
            errno,
        });
        let (script, now) = match self.script.get() {
            Some((0, action)) => (None, Some(action)),
            Some((after, action)) => (Some((after - 1, action)), None),
            None => (None, None),
        };
        self.script.set(script);
        now.map_or(0, |action| self.act(action))
    }

    fn act(&self, action: Action) -> c_int {
        self.see(Seen::Acting);
        match action {
            Action::Return(value) => return value,
            Action::Accessors { ring } => self.accessors(ring),
            Action::Query { map } => self.query(map),
            Action::Emit(batch) => self.emit(batch),
            Action::Discard(batch) => self.discard(batch),
            Action::Consume => self.consume(),
            Action::RingConsume { ring } => self.ring_consume(ring),
            Action::RingConsumeN { ring, n } => self.ring_consume_n(ring, n),
            Action::Add { map } => self.add(map),
            Action::Readiness => self.see(Seen::Readiness(self.readiness())),
        }
        0
    }

    fn see(&self, seen: Seen) {
        self.log.borrow_mut().push(seen);
    }

    /// Whether the manager has a second ring.
    pub fn has_several_rings(&self) -> bool {
        // SAFETY: a living manager.
        let second = unsafe { (self.api.ring_buffer__ring)(self.manager(), 1) };
        !second.is_null()
    }

    fn manager(&self) -> *mut c_void {
        let manager = self.manager.get();
        assert!(!manager.is_null());
        manager
    }

    fn epoll_fd(&self) -> c_int {
        // SAFETY: a living manager.
        unsafe { (self.api.ring_buffer__epoll_fd)(self.manager()) }
    }

    fn ring(&self, ring: u32) -> Option<*mut c_void> {
        let ring = call_for_pointer!(self, ring_buffer__ring(self.manager(), ring));
        (!ring.is_null()).then_some(ring)
    }

    fn context(&self, map: usize) -> *mut c_void {
        let contexts = self.contexts.get().expect("set in new");
        (&raw const contexts[map]).cast_mut().cast()
    }
}

/// The callback of all rings. Leaves errno alone.
extern "C" fn sample(context: *mut c_void, data: *mut c_void, size: usize) -> c_int {
    let error = errno();
    // SAFETY: the contexts and their sides live as long as the process.
    let (side, map) = unsafe {
        let context = &*context.cast::<Context>();
        (&*context.side, context.map)
    };
    // SAFETY: the library says that `size` bytes are there; they are copied before it goes on.
    let data = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), size) };
    let result = side.receive(map, data.to_vec(), error);
    set_errno(error);
    result
}

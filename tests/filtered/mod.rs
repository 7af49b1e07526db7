// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! Runs a program, with all that it starts, under a seccomp filter (seccomp(2)) that lets some system calls
//! pass and asks the test about the others. The program knows nothing of it: the filter is in place when it starts.

use crate::common::try_run;
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};
use std::ptr;
use std::thread;
use std::time::Duration;

/// Longer than any of the programs takes.
const WATCH_DOG: Duration = Duration::from_secs(120);

/// Longest path that is read of a program.
const PATH: usize = 256;

/// Calls of which an argument counts.
pub const HAS_ARGUMENT: [libc::c_long; 2] = [libc::SYS_openat, libc::SYS_clock_gettime];

/// A system call as the filter meets it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    pub number: libc::c_long,
    /// Of `openat` the path, of `clock_gettime` the clock.
    pub what: String,
}

/// What came of a run.
pub struct Run {
    /// Or how it took too long.
    pub output: Result<Output, String>,
    /// The calls that were asked about.
    pub asked: BTreeSet<Call>,
    /// Those that were refused, for which the process was killed.
    pub refused: BTreeSet<Call>,
}

/// Runs `command`. Calls in `pass` are not asked about; of the others each is one that `allows`, or kills its
/// process.
pub fn run(
    mut command: Command,
    pass: &[libc::c_long],
    allows: impl Fn(&Call) -> bool + Sync,
) -> Run {
    let filter = filter(pass);
    let (ours, its) = UnixDatagram::pair().expect("a pair of sockets");
    thread::scope(|scope| {
        let supervisor = scope.spawn(|| supervise(ours, &allows));
        // SAFETY: between fork and exec; it makes system calls and nothing else.
        unsafe { command.pre_exec(move || install(&filter, its.as_raw_fd())) };
        // It takes the command, and closes what a supervisor without a filter would wait for.
        let output = try_run(command, WATCH_DOG);
        let (asked, refused) = supervisor.join().expect("a supervisor");
        Run {
            output,
            asked,
            refused,
        }
    })
}

/// Lets `pass` pass, and the call that hands the filter's descriptor over; asks about all others.
fn filter(pass: &[libc::c_long]) -> Vec<libc::sock_filter> {
    let instruction = |code, k, jt| libc::sock_filter {
        code: code as u16,
        jt,
        jf: 0,
        k,
    };
    let returns = |k| instruction(libc::BPF_RET | libc::BPF_K, k, 0);
    let mut code = vec![instruction(
        libc::BPF_LD | libc::BPF_W | libc::BPF_ABS,
        std::mem::offset_of!(libc::seccomp_data, nr) as u32,
        0,
    )];
    let pass: BTreeSet<_> = pass.iter().chain([&libc::SYS_sendmsg]).collect();
    for (index, &&number) in pass.iter().enumerate() {
        let to_the_end = u8::try_from(pass.len() - index).expect("not so many calls");
        let is = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
        code.push(instruction(is, number as u32, to_the_end));
    }
    code.push(returns(libc::SECCOMP_RET_USER_NOTIF));
    code.push(returns(libc::SECCOMP_RET_ALLOW));
    code
}

/// Installs the filter in the calling process and sends its descriptor to `socket`.
fn install(filter: &[libc::sock_filter], socket: RawFd) -> io::Result<()> {
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_ptr().cast_mut(),
    };
    // Signals do not end the wait for an answer: that would end calls which no signal ends.
    let flags =
        libc::SECCOMP_FILTER_FLAG_NEW_LISTENER | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    // SAFETY: the filter and the message live as long as the calls; the control buffer is aligned, and has room for
    // one descriptor.
    let sent = unsafe {
        let mode = libc::SECCOMP_SET_MODE_FILTER;
        let listener = libc::syscall(libc::SYS_seccomp, mode, flags, &raw const program);
        if listener < 0 {
            return Err(io::Error::last_os_error());
        }
        let (mut byte, mut control) = (0_u8, [0_u64; 4]);
        let mut data = one_byte(&mut byte);
        let message = message(&mut data, &mut control);
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(size_of::<RawFd>() as u32) as usize;
        libc::CMSG_DATA(header)
            .cast::<RawFd>()
            .write_unaligned(listener as RawFd);
        libc::sendmsg(socket, &raw const message, 0)
    };
    if sent < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn one_byte(byte: &mut u8) -> libc::iovec {
    libc::iovec {
        iov_base: ptr::from_mut(byte).cast(),
        iov_len: 1,
    }
}

/// A message with room for one descriptor.
fn message(data: &mut libc::iovec, control: &mut [u64; 4]) -> libc::msghdr {
    // SAFETY: integers and null pointers.
    let mut message: libc::msghdr = unsafe { zeroed() };
    (message.msg_iov, message.msg_iovlen) = (data, 1);
    message.msg_control = control.as_mut_ptr().cast();
    // SAFETY: a computation.
    message.msg_controllen = unsafe { libc::CMSG_SPACE(size_of::<RawFd>() as u32) } as usize;
    message
}

/// The descriptor that [`install`] has sent. `None` if the program could not be started.
fn listener(socket: &UnixDatagram) -> Option<OwnedFd> {
    let (mut byte, mut control) = (0_u8, [0_u64; 4]);
    let mut data = one_byte(&mut byte);
    let mut message = message(&mut data, &mut control);
    // SAFETY: the buffers live as long as the calls; the descriptor is new, and nobody else knows it.
    unsafe {
        let received = libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC);
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        if received < 1 || header.is_null() {
            return None;
        }
        let fd = libc::CMSG_DATA(header).cast::<RawFd>().read_unaligned();
        Some(OwnedFd::from_raw_fd(fd))
    }
}

/// Answers until all processes under the filter have ended. Returns what was asked and what was refused.
fn supervise(
    socket: UnixDatagram,
    allows: impl Fn(&Call) -> bool,
) -> (BTreeSet<Call>, BTreeSet<Call>) {
    let (mut asked, mut refused) = (BTreeSet::new(), BTreeSet::new());
    let Some(listener) = listener(&socket) else {
        return (asked, refused);
    };
    while let Some(notification) = next(&listener) {
        let call = Call::of(&notification);
        if !still_waits(&listener, notification.id) {
            // It has been killed, perhaps before its memory was read.
            continue;
        }
        if allows(&call) {
            go_on(&listener, notification.id);
        } else {
            refused.insert(call.clone());
            // SAFETY: kill touches no memory.
            unsafe { libc::kill(notification.pid as libc::pid_t, libc::SIGKILL) };
        }
        asked.insert(call);
    }
    (asked, refused)
}

/// The next call that somebody waits with. `None` when nobody is left under the filter.
fn next(listener: &OwnedFd) -> Option<libc::seccomp_notif> {
    loop {
        let mut ready = libc::pollfd {
            fd: listener.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: both are valid for the calls; the kernel wants the notification zeroed.
        unsafe {
            libc::poll(&raw mut ready, 1, -1);
            if ready.revents & libc::POLLIN != 0 {
                let mut notification: libc::seccomp_notif = zeroed();
                let request = libc::SECCOMP_IOCTL_NOTIF_RECV;
                // It fails where the caller has been killed meanwhile.
                if libc::ioctl(listener.as_raw_fd(), request, &raw mut notification) == 0 {
                    return Some(notification);
                }
            } else if ready.revents & libc::POLLHUP != 0 {
                return None;
            }
        }
    }
}

fn still_waits(listener: &OwnedFd, id: u64) -> bool {
    let request = libc::SECCOMP_IOCTL_NOTIF_ID_VALID;
    // SAFETY: the number is valid for the call.
    unsafe { libc::ioctl(listener.as_raw_fd(), request, &raw const id) == 0 }
}

fn go_on(listener: &OwnedFd, id: u64) {
    let mut answer = libc::seccomp_notif_resp {
        id,
        val: 0,
        error: 0,
        flags: libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32,
    };
    let request = libc::SECCOMP_IOCTL_NOTIF_SEND;
    // SAFETY: the answer is valid for the call. It fails where the caller has been killed meanwhile.
    unsafe { libc::ioctl(listener.as_raw_fd(), request, &raw mut answer) };
}

impl Call {
    fn of(notification: &libc::seccomp_notif) -> Self {
        let number = libc::c_long::from(notification.data.nr);
        let arguments = notification.data.args;
        let what = match number {
            libc::SYS_openat => text_of(notification.pid, arguments[1]),
            libc::SYS_clock_gettime => arguments[0].to_string(),
            _ => String::new(),
        };
        Call { number, what }
    }
}

/// A string in the memory of a process.
fn text_of(process: u32, address: u64) -> String {
    let mut bytes = [0; PATH];
    let memory = File::open(format!("/proc/{process}/mem"));
    let length = memory.and_then(|memory| memory.read_at(&mut bytes, address));
    let bytes = &bytes[..length.unwrap_or(0)];
    let end = bytes.iter().position(|&byte| byte == 0);
    String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len())]).into_owned()
}

// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! libbpf and rbshim side by side in this process, each in a scope of its own.

use crate::common;
use crate::functions::FUNCTIONS;
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use std::ffi::{CStr, OsStr, c_char, c_int, c_uint, c_ulong, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub type SampleFn = extern "C" fn(*mut c_void, *mut c_void, usize) -> c_int;

macro_rules! api {
    ($($name:ident($($type:ty),*) $(-> $result:ty)?;)*) => {
        /// The ring buffer API of one library.
        #[expect(non_snake_case, reason = "the names of the functions")]
        pub struct Api {
            pub library: Library,
            $(pub $name: unsafe extern "C" fn($($type),*) $(-> $result)?,)*
        }

        impl Api {
            fn load(file: &Path) -> Api {
                let library = open(file);
                Api {
                    // SAFETY: these are the signatures of libbpf's header.
                    $($name: unsafe { *library.get(stringify!($name).as_bytes()).unwrap() },)*
                    library,
                }
            }

            /// Name and address of every function.
            pub fn functions(&self) -> Vec<(&'static str, *const c_void)> {
                vec![$((stringify!($name), self.$name as *const c_void)),*]
            }
        }
    };
}

api! {
    ring_buffer__new(c_int, SampleFn, *mut c_void, *const c_void) -> *mut c_void;
    ring_buffer__free(*mut c_void);
    ring_buffer__add(*mut c_void, c_int, SampleFn, *mut c_void) -> c_int;
    ring_buffer__poll(*mut c_void, c_int) -> c_int;
    ring_buffer__consume(*mut c_void) -> c_int;
    ring_buffer__consume_n(*mut c_void, usize) -> c_int;
    ring_buffer__epoll_fd(*const c_void) -> c_int;
    ring_buffer__ring(*mut c_void, c_uint) -> *mut c_void;
    ring__consumer_pos(*const c_void) -> c_ulong;
    ring__producer_pos(*const c_void) -> c_ulong;
    ring__avail_data_size(*const c_void) -> usize;
    ring__size(*const c_void) -> usize;
    ring__map_fd(*const c_void) -> c_int;
    ring__consume(*mut c_void) -> c_int;
    ring__consume_n(*mut c_void, usize) -> c_int;
    user_ring_buffer__new(c_int, *const c_void) -> *mut c_void;
    user_ring_buffer__reserve(*mut c_void, u32) -> *mut c_void;
    user_ring_buffer__reserve_blocking(*mut c_void, u32, c_int) -> *mut c_void;
    user_ring_buffer__submit(*mut c_void, *mut c_void);
    user_ring_buffer__discard(*mut c_void, *mut c_void);
    user_ring_buffer__free(*mut c_void);
}

/// What is compared with what.
#[derive(Clone, Copy)]
pub struct Libraries {
    pub libbpf: &'static Api,
    pub rbshim: &'static Api,
}

/// libbpf, loaded once.
pub fn libbpf() -> &'static Api {
    static LIBBPF: OnceLock<Api> = OnceLock::new();
    LIBBPF.get_or_init(|| {
        let libbpf = load_libbpf();
        silence(&libbpf);
        libbpf
    })
}

/// libbpf's functions, for those who want to spoil one.
pub fn load_libbpf() -> Api {
    Api::load(
        &common::Libbpf::Vendored
            .library()
            .directory
            .join("libbpf.so"),
    )
}

/// Both, loaded once. `RBSHIM_COMPARE_LIBRARY` names another library to compare with libbpf.
pub fn libraries() -> Libraries {
    static RBSHIM: OnceLock<Api> = OnceLock::new();
    Libraries {
        libbpf: libbpf(),
        rbshim: RBSHIM.get_or_init(|| {
            let named = std::env::var_os("RBSHIM_COMPARE_LIBRARY").map(PathBuf::from);
            Api::load(&named.unwrap_or_else(|| common::rbshim().shared.clone()))
        }),
    }
}

fn open(file: &Path) -> Library {
    // SAFETY: neither library does any work when it is loaded.
    unsafe { Library::open(Some(file), RTLD_NOW | RTLD_LOCAL) }
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Errors are provoked by the thousand; both libraries warn through libbpf's hook.
fn silence(libbpf: &Api) {
    type SetPrint = unsafe extern "C" fn(*const c_void) -> *const c_void;
    // SAFETY: the signature of libbpf's header; without a hook libbpf prints nothing.
    unsafe {
        let set_print = libbpf.library.get::<SetPrint>(b"libbpf_set_print").unwrap();
        set_print(std::ptr::null());
    }
}

/// The file that the code or data at this address was loaded from, and where it was loaded to.
fn origin(address: *const c_void) -> (PathBuf, usize) {
    let mut info = std::mem::MaybeUninit::<libc::Dl_info>::uninit();
    // SAFETY: dladdr only compares the address, and fills `info` in if it returns non-zero.
    unsafe {
        assert_ne!(
            libc::dladdr(address, info.as_mut_ptr()),
            0,
            "no library is at {address:?}"
        );
        let info = info.assume_init();
        let name = CStr::from_ptr(info.dli_fname).to_bytes();
        let file = std::fs::canonicalize(OsStr::from_bytes(name)).unwrap();
        (file, info.dli_fbase as usize)
    }
}

/// Panics unless each library's functions are its own, for callers outside and inside of it, and the
/// test program has none.
pub fn assert_that_they_are_two() {
    let Libraries { libbpf, rbshim } = libraries();
    let (libbpf, rbshim) = (libbpf.functions(), rbshim.functions());
    let mut names: Vec<&str> = libbpf.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    assert_eq!(names, FUNCTIONS);

    let files: Vec<PathBuf> = [&libbpf, &rbshim]
        .map(|functions| {
            let (file, _) = origin(functions[0].1);
            for (name, address) in functions {
                assert_eq!(
                    origin(*address).0,
                    file,
                    "{name} is not {}'s own",
                    file.display()
                );
            }
            file
        })
        .into();
    assert_ne!(files[0], files[1]);
    for ((name, one), (_, other)) in libbpf.iter().zip(&rbshim) {
        assert_ne!(one, other, "{name} is the same function in both");
        let name = std::ffi::CString::new(*name).unwrap();
        // SAFETY: looks a name up.
        let ours = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr() as *const c_char) };
        assert!(
            ours.is_null(),
            "the test program sees a {name:?} of its own"
        );
    }
    let bound = inner_calls(libbpf[0].1);
    assert!(bound > 0, "libbpf calls its own functions by name");
    println!(
        "{} functions in {} and in {}; {bound} inner calls of libbpf go to libbpf",
        libbpf.len(),
        files[0].display(),
        files[1].display()
    );
}

/// Checks where the slots lead through which libbpf calls its own ring buffer functions, and counts
/// them.
fn inner_calls(function: *const c_void) -> usize {
    use object::{Object, ObjectSymbol, ObjectSymbolTable, RelocationTarget};
    let (file, base) = origin(function);
    let bytes = std::fs::read(&file).unwrap();
    let elf = object::File::parse(&*bytes).unwrap();
    let symbols = elf.dynamic_symbol_table().unwrap();
    let mut bound = 0;
    for (offset, relocation) in elf.dynamic_relocations().unwrap() {
        let RelocationTarget::Symbol(index) = relocation.target() else {
            continue;
        };
        let name = symbols
            .symbol_by_index(index)
            .unwrap()
            .name()
            .unwrap()
            .to_string();
        if !FUNCTIONS.contains(&name.as_str()) {
            continue;
        }
        let slot = (base + offset as usize) as *const *const c_void;
        // SAFETY: the loader has filled the slot in (RTLD_NOW), and nobody writes it any more.
        let target = unsafe { slot.read() };
        assert_eq!(
            origin(target).0,
            file,
            "libbpf's call of {name} leads elsewhere"
        );
        bound += 1;
    }
    bound
}

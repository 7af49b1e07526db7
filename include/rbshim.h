/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * libbpf's ring buffer API as rbshim implements it. Generated; do not edit.
 *
 * It declares what <bpf/libbpf.h> declares, with the same types, so a program may include either or
 * both, in any order. The option structs are only named here: libbpf's header defines them; without
 * it, pass NULL.
 */

#ifndef RBSHIM_H
#define RBSHIM_H

#include <stddef.h>
#include <stdint.h>

#define RBSHIM_VERSION "1.0.0"
#define RBSHIM_VERSION_MAJOR 1
#define RBSHIM_VERSION_MINOR 0
#define RBSHIM_VERSION_PATCH 0

/**
 * One ring of a manager.
 */
struct ring;

/**
 * One or more rings with the epoll instance that reports their records.
 */
struct ring_buffer;

/**
 * libbpf's options, of which there are none beyond the size.
 */
struct ring_buffer_opts;

/**
 * A ring that the program fills and a BPF program drains.
 */
struct user_ring_buffer;

/**
 * libbpf's options, of which there are none beyond the size.
 */
struct user_ring_buffer_opts;

/**
 * What rbshim_ring__statistics() says of a ring. Later versions add fields at the end.
 */
struct rbshim_ring_statistics {
  /**
   * Bytes of this struct, set by the caller: sizeof(struct rbshim_ring_statistics).
   */
  size_t sz;
  /**
   * Bytes of the ring.
   */
  uint64_t size;
  /**
   * Bytes of the ring in use now: between the two positions, headers and discarded records included.
   */
  uint64_t available;
  /**
   * The most bytes in use that the reader has found.
   */
  uint64_t high_water;
  /**
   * Times that the reader has found at most an eighth of the ring free.
   */
  uint64_t nearly_full;
  /**
   * 1 if the counters below, up to `rescues`, are kept, as they are with RBSHIM_STATS=1; 0 if they are not, and are
   * all 0.
   */
  uint64_t counted;
  /**
   * Records delivered.
   */
  uint64_t records;
  /**
   * Bytes of payload in them.
   */
  uint64_t bytes;
  /**
   * Discarded records passed over.
   */
  uint64_t discards;
  /**
   * Times that a poll was notified about the ring.
   */
  uint64_t wakeups;
  /**
   * Stores of the consumer's position.
   */
  uint64_t publishes;
  /**
   * Windows spent spinning.
   */
  uint64_t lingers;
  /**
   * Windows spent sleeping.
   */
  uint64_t coalesced;
  /**
   * Times that the look after the barrier found a record that the look before it had missed.
   */
  uint64_t rescues;
  /**
   * Bytes that the kernel has overwritten before any call had read them, headers included: in overwrite mode
   * (BPF_F_RB_OVERWRITE). Counted without RBSHIM_STATS, too.
   */
  uint64_t overwritten;
};

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Makes a manager of the BPF_MAP_TYPE_RINGBUF map `map_fd`, whose records go to `sample_cb` with
 * `ctx`. A negative result of `sample_cb` ends the call that it was called from. The fd may be
 * closed afterwards.
 *
 * Returns NULL and sets errno on an error: EINVAL for another type of map or invalid `opts`, or
 * what bpf(2), mmap(2), epoll_create1(2) or epoll_ctl(2) say.
 *
 * # Safety
 *
 * `opts` is NULL or a valid option struct; `sample_cb` may be called with `ctx` until the manager
 * is freed.
 */
struct ring_buffer *ring_buffer__new(int map_fd,
                                     int (*sample_cb)(void *ctx, void *data, size_t size),
                                     void *ctx,
                                     const struct ring_buffer_opts *opts);

/**
 * Frees the manager and its rings. NULL is ignored.
 *
 * # Safety
 *
 * `rb` is NULL or from `ring_buffer__new`, and neither it nor one of its rings is used any more.
 */
void ring_buffer__free(struct ring_buffer *rb);

/**
 * Adds the map `map_fd` to the manager; see ring_buffer__new.
 *
 * Returns 0, or a negative error and sets errno: EEXIST if the fd is there already. The manager
 * then stays as it was.
 *
 * # Safety
 *
 * `rb` is NULL or a manager that no other thread uses now; `sample_cb` may be called with `ctx`
 * until the manager is freed.
 */
int ring_buffer__add(struct ring_buffer *rb, int map_fd, int (*sample_cb)(void *ctx,
                                                                          void *data,
                                                                          size_t size), void *ctx);

/**
 * Waits up to `timeout_ms` milliseconds (-1: for ever) for notifications and consumes all records of
 * the rings that were notified about.
 *
 * Returns the number of records, INT_MAX at most, or a negative error and sets errno: the
 * callback's, -EINTR for a signal.
 *
 * # Safety
 *
 * `rb` is NULL or a manager that no other thread uses now.
 */
int ring_buffer__poll(struct ring_buffer *rb,
                      int timeout_ms);

/**
 * Consumes all records of all rings without waiting. Returns as ring_buffer__poll does.
 *
 * # Safety
 *
 * `rb` is NULL or a manager that no other thread uses now.
 */
int ring_buffer__consume(struct ring_buffer *rb);

/**
 * Consumes up to `n` records over all rings without waiting. Returns as ring_buffer__poll does.
 *
 * # Safety
 *
 * `rb` is NULL or a manager that no other thread uses now.
 */
int ring_buffer__consume_n(struct ring_buffer *rb, size_t n);

/**
 * The epoll fd that becomes readable with records. It stays the manager's.
 *
 * # Safety
 *
 * `rb` is NULL or a manager.
 */
int ring_buffer__epoll_fd(const struct ring_buffer *rb);

/**
 * The ring that was added as number `idx`, from 0. It stays the manager's.
 *
 * Returns NULL and sets errno to ERANGE if there are not so many.
 *
 * # Safety
 *
 * `rb` is NULL or a manager to which no other thread adds a ring now.
 */
struct ring *ring_buffer__ring(struct ring_buffer *rb, unsigned int idx);

/**
 * The consumer's position: bytes consumed since the ring was made. Any thread may ask.
 *
 * # Safety
 *
 * `r` is NULL or a ring of a live manager.
 */
unsigned long ring__consumer_pos(const struct ring *r);

/**
 * The producer's position: bytes reserved since the ring was made. Any thread may ask.
 *
 * # Safety
 *
 * `r` is NULL or a ring of a live manager.
 */
unsigned long ring__producer_pos(const struct ring *r);

/**
 * Bytes between the two positions, headers and discarded records included; of a ring in overwrite mode those that have
 * not been overwritten. Any thread may ask.
 *
 * # Safety
 *
 * `r` is NULL or a ring of a live manager.
 */
size_t ring__avail_data_size(const struct ring *r);

/**
 * Bytes of the ring.
 *
 * # Safety
 *
 * `r` is NULL or a ring of a live manager.
 */
size_t ring__size(const struct ring *r);

/**
 * The fd that the ring was made from; the program may have closed it.
 *
 * # Safety
 *
 * `r` is NULL or a ring of a live manager.
 */
int ring__map_fd(const struct ring *r);

/**
 * Consumes all records of the ring without waiting. Returns as ring_buffer__poll does.
 *
 * # Safety
 *
 * `r` is NULL or a ring of a manager that no other thread uses now.
 */
int ring__consume(struct ring *r);

/**
 * Consumes up to `n` records of the ring without waiting. Returns as ring_buffer__poll does.
 *
 * # Safety
 *
 * `r` is NULL or a ring of a manager that no other thread uses now.
 */
int ring__consume_n(struct ring *r, size_t n);

/**
 * Opens the BPF_MAP_TYPE_USER_RINGBUF map `map_fd`, which may be closed afterwards.
 *
 * Returns NULL and sets errno on an error: EINVAL for another type of map or invalid `opts`, or
 * what bpf(2), mmap(2), epoll_create1(2) or epoll_ctl(2) say.
 *
 * # Safety
 *
 * `opts` is NULL or a valid option struct.
 */
struct user_ring_buffer *user_ring_buffer__new(int map_fd,
                                               const struct user_ring_buffer_opts *opts);

/**
 * Reserves a record of `size` bytes, to be filled and then submitted or discarded. One thread at a
 * time may reserve.
 *
 * Returns its payload, aligned to 8 bytes, or NULL and sets errno: E2BIG for more than the ring can
 * hold, ENOSPC for more than is free.
 *
 * # Safety
 *
 * `rb` is NULL or a user ring in which no other thread reserves now.
 */
void *user_ring_buffer__reserve(struct user_ring_buffer *rb, uint32_t size);

/**
 * Like user_ring_buffer__reserve, but waits up to `timeout_ms` milliseconds (-1: for ever) for
 * space.
 *
 * Sets errno also to EINTR for a signal, and EINVAL for a timeout below -1.
 *
 * # Safety
 *
 * `rb` is NULL or a user ring in which no other thread reserves now.
 */
void *user_ring_buffer__reserve_blocking(struct user_ring_buffer *rb,
                                         uint32_t size,
                                         int timeout_ms);

/**
 * Gives the reserved record `sample` to the kernel. Any thread may.
 *
 * # Safety
 *
 * `rb` is NULL or a user ring; `sample` is NULL or a record reserved in it and not committed yet.
 */
void user_ring_buffer__submit(struct user_ring_buffer *rb, void *sample);

/**
 * Has the kernel skip the reserved record `sample`. Any thread may.
 *
 * # Safety
 *
 * `rb` is NULL or a user ring; `sample` is NULL or a record reserved in it and not committed yet.
 */
void user_ring_buffer__discard(struct user_ring_buffer *rb, void *sample);

/**
 * Frees the ring. NULL is ignored.
 *
 * # Safety
 *
 * `rb` is NULL or from `user_ring_buffer__new`, and neither it nor a record of it is used any more.
 */
void user_ring_buffer__free(struct user_ring_buffer *rb);

/**
 * Accepts up to `us` microseconds of latency, so that the program which produces need not wake this
 * one for every record: while records come, ring_buffer__poll sleeps for `us` at a time (a window) and
 * delivers what has come meanwhile. 0 turns this off; more than 1000000 counts as that. At first it is
 * what the environment's RBSHIM_COALESCE_US says.
 *
 * The first record that wakes the poll opens a window, for all rings of the manager together, and windows
 * repeat while they bring records. After one that has brought nothing the next wake-ups open none: one of
 * them at first, and twice as many each time. A window ends at once with BPF_RB_FORCE_WAKEUP, with an fd
 * that the program has added to ring_buffer__epoll_fd() and that becomes ready, with a signal, and with the
 * timeout of ring_buffer__poll. It is shorter where it would fill more than a quarter of the smallest ring
 * at the recent rate: the rings must have room for what a burst brings in `us` microseconds. A change in a
 * callback counts from the next call on. One ring_buffer__poll returns after max(us, 10000) microseconds of
 * windows at the latest.
 * Calls with timeout 0, ring_buffer__consume and the like never wait.
 *
 * While a window is open, the kernel sees the reader one record behind in each ring. When ring_buffer__poll
 * returns, every record has been delivered and accounted for as without windows.
 *
 * The first call with `us` above 0 opens two file descriptors, which ring_buffer__free closes. Returns
 * 0, or a negative error and sets errno: EINVAL for NULL, or what epoll_create1(2), timerfd_create(2)
 * or epoll_ctl(2) say; what was in force then stays so.
 *
 * # Safety
 *
 * `rb` is NULL or a manager that no other thread uses now.
 */
int rbshim_ring_buffer__set_coalesce_us(struct ring_buffer *rb,
                                        unsigned int us);

/**
 * Has ring_buffer__poll with a timeout other than 0 return after `ms` milliseconds in which records have
 * come without a break, so that the program can do something else: look at a flag, for one. libbpf's does
 * not return while records come faster than the callback takes them. 0 turns this off; more than 60000
 * counts as that. At first it is what the environment's RBSHIM_POLL_MAX_MS says.
 *
 * The call returns after `ms` at the earliest, and at most 32 callbacks of each ring later. It does not
 * count the time that it waits for the first record. A poll that returns so leaves records behind, which
 * the next ring_buffer__poll or ring_buffer__consume delivers. Whoever waits for ring_buffer__epoll_fd()
 * is notified about them, edge-triggered too, and through other epoll instances. Whoever waits
 * edge-triggered for the fd of a map is not, and calls ring_buffer__consume before he waits.
 * Calls with timeout 0, ring_buffer__consume and the like are not limited.
 *
 * The first call with `ms` above 0 opens a file descriptor, which ring_buffer__free closes, and adds it to
 * ring_buffer__epoll_fd(): a program that reads the events of that itself gets some whose data.u64 is
 * UINT64_MAX, and consumes the rings then. Returns 0, or a negative error and sets errno: EINVAL for NULL,
 * or what eventfd(2) or epoll_ctl(2) say; what was in force then stays so.
 *
 * # Safety
 *
 * `rb` is NULL or a manager that no other thread uses now.
 */
int rbshim_ring_buffer__set_poll_max_ms(struct ring_buffer *rb,
                                        unsigned int ms);

/**
 * Has ring_buffer__poll with a timeout other than 0 spin instead of sleep, if `on` is not 0: for a program
 * that owns the CPU it runs on. The producer never pays for a wake-up then, at any rate. At first it is what
 * the environment's RBSHIM_BUSY_POLL says.
 *
 * Timeouts, -EINTR after a signal handler has run, and fds that the program has added to
 * ring_buffer__epoll_fd() are as with a poll that sleeps; such fds and signals are noticed within about 100
 * microseconds. While records come the poll returns about every 0.5 ms. Records with BPF_RB_NO_WAKEUP are
 * delivered too, without waiting for a notification.
 *
 * Between calls the kernel sees the reader one record behind in each ring. So ring_buffer__epoll_fd() and
 * the maps are readable all the time after the first record: the program waits by ring_buffer__poll alone.
 * ring_buffer__consume, and ring_buffer__poll with timeout 0, leave everything as without this.
 * A change in a callback counts from the next call on.
 *
 * While it spins without records all signals are blocked; callbacks and the rest of the program have the
 * mask that the program has set. Of several threads, one that does not block a signal may be given it in
 * place of this one.
 *
 * Returns 0, or a negative error and sets errno: EINVAL for NULL, EOPNOTSUPP where there is a single CPU.
 *
 * # Safety
 *
 * `rb` is NULL or a manager that no other thread uses now.
 */
int rbshim_ring_buffer__set_busy_poll(struct ring_buffer *rb,
                                      int on);

/**
 * Says how full the ring is and has been, and what RBSHIM_STATS has counted, if it counts. Any thread may ask
 * while another reads; the numbers are read one after the other. No option is needed.
 *
 * The caller zeroes the struct and sets `sz` to its size, as for libbpf's option structs; LIBBPF_OPTS() does so.
 * Fields that lie beyond `sz` are not written: a program built with an older header has none of the newer
 * ones. A struct larger than this library's is fine while all bytes beyond that are 0, and they stay so: a newer
 * program finds 0 in what an older library does not know.
 *
 * The reader notes what it finds whenever it looks for records, and does not look while it goes through what it
 * has found: for a while the ring may have been fuller than `high_water`. Records that the kernel has refused,
 * since they did not fit, leave no trace in a ring: the BPF program alone can count them. A child of fork(2) begins
 * with 0 where RBSHIM_STATS counts, and elsewhere goes on from its parent's numbers.
 *
 * Returns 0, or a negative error and sets errno: EINVAL for NULL, for a `sz` smaller than itself, and for bytes
 * other than 0 beyond what the library knows.
 *
 * # Safety
 *
 * `r` is NULL or a ring of a live manager; `stats` is NULL or readable and writable for the number of bytes that its
 * `sz` says, if that is at least the size of `sz`.
 */
int rbshim_ring__statistics(const struct ring *r,
                            struct rbshim_ring_statistics *stats);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* RBSHIM_H */

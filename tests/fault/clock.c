/* The clock of a process, loaded before libc: while it is told to, waiting for time to pass takes none.

   FAULT_CLOCK names a file with two 64-bit numbers of nanoseconds: how far the clock is to be ahead, and how far it is.
   Behind that goal, an event loop that would wait for its next timer finds that `STEP` or the time to that timer has
   passed at once. Not so while a connection that this process opened waits for an answer: then time goes by as ever.
*/
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
#define STEP SECOND
#define FILES 65536
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int64_t nowhere[2];
static volatile int64_t *ahead = nowhere; /* goal, present */
static unsigned char opened[FILES], asked[FILES];
static int asking;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAULT_CLOCK");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (file < 0) abort();
    ahead = mmap(NULL, 16, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (ahead == MAP_FAILED) abort();
    close(file);
}

static void shift(struct timespec *at, int64_t by) {
    int64_t moment = at->tv_sec * SECOND + at->tv_nsec + by;
    if (moment < 0) moment = 0;
    at->tv_sec = moment / SECOND;
    at->tv_nsec = moment % SECOND;
}

static int of_processor(clockid_t id) { return id == CLOCK_PROCESS_CPUTIME_ID || id == CLOCK_THREAD_CPUTIME_ID; }

int clock_gettime(clockid_t id, struct timespec *now) {
    static __typeof__(&clock_gettime) real;
    if (!real) real = REAL(clock_gettime);
    int result = real(id, now);
    if (!result && id >= 0 && !of_processor(id)) shift(now, ahead[1]);
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec moment;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &moment);
    now->tv_sec = moment.tv_sec;
    now->tv_usec = moment.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *now) {
    struct timespec moment;
    clock_gettime(CLOCK_REALTIME, &moment);
    if (now) *now = moment.tv_sec;
    return moment.tv_sec;
}

/* Moments of this clock, told to the kernel, which has another one. */

int clock_nanosleep(clockid_t id, int flags, const struct timespec *until, struct timespec *left) {
    struct timespec moment = *until;
    if (flags & TIMER_ABSTIME) shift(&moment, -ahead[1]);
    return REAL(clock_nanosleep)(id, flags, &moment, left);
}

int sem_clockwait(sem_t *sem, clockid_t id, const struct timespec *until) {
    struct timespec moment = *until;
    shift(&moment, -ahead[1]);
    return REAL(sem_clockwait)(sem, id, &moment);
}

int sem_timedwait(sem_t *sem, const struct timespec *until) {
    struct timespec moment = *until;
    shift(&moment, -ahead[1]);
    return REAL(sem_timedwait)(sem, &moment);
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until) {
    static __typeof__(&pthread_cond_timedwait) real;
    if (!real) real = (__typeof__(real))dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
    if (!real) real = REAL(pthread_cond_timedwait);
    struct timespec moment = *until;
    shift(&moment, -ahead[1]);
    return real(condition, mutex, &moment);
}

/* Connections of this process that wait for an answer. */

static void ask(int file, int now) {
    if (file < 0 || file >= FILES || asked[file] == now) return;
    asked[file] = now;
    __atomic_add_fetch(&asking, now ? 1 : -1, __ATOMIC_SEQ_CST);
}

int connect(int file, const struct sockaddr *to, socklen_t size) {
    int result = REAL(connect)(file, to, size);
    if (to->sa_family != AF_UNIX && file >= 0 && file < FILES) {
        opened[file] = 1;
        ask(file, 1);
    }
    return result;
}

ssize_t send(int file, const void *data, size_t size, int flags) {
    static __typeof__(&send) real;
    if (!real) real = REAL(send);
    if (file >= 0 && file < FILES && opened[file]) ask(file, 1);
    return real(file, data, size, flags);
}

ssize_t recv(int file, void *data, size_t size, int flags) {
    static __typeof__(&recv) real;
    if (!real) real = REAL(recv);
    ssize_t result = real(file, data, size, flags);
    if (result >= 0) ask(file, 0);
    return result;
}

int close(int file) {
    static __typeof__(&close) real;
    if (!real) real = REAL(close);
    if (file >= 0 && file < FILES) {
        ask(file, 0);
        opened[file] = 0;
    }
    return real(file);
}

int epoll_wait(int file, struct epoll_event *events, int most, int milliseconds) {
    static __typeof__(&epoll_wait) real;
    if (!real) real = REAL(epoll_wait);
    int64_t missing = ahead[0] - ahead[1];
    if (missing <= 0) return real(file, events, most, milliseconds);
    int found = real(file, events, most, asking ? 5 : 0);
    if (found || asking || milliseconds == 0) return found;
    int64_t wait = milliseconds * (SECOND / 1000);
    if (wait < STEP) wait = STEP;
    ahead[1] += wait < missing ? wait : missing;
    return 0;
}

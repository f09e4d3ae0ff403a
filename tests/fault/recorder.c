/* What a process does to files below FAULT_ROOT and says to sockets, written to FAULT_RECORD as it happens.

   Loaded before libc. One call after the other: whatever stands in front of an answer in the record was done before
   that answer went out. Nothing is really synced: a test that asks what survives a power cut asks the record.

   Processes that a process starts write to the same record, each event in one append. Between two of them an event may
   come a moment after what it tells: never one of a file that the other one writes to, since SQLite gives up its lock
   only after the call, and never a sync, which is nothing but its event.
*/
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES 65536
#define TOLD 65536 /* bytes of one answer that are kept */
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

struct head {
    char kind;
    char unused[3];
    uint32_t size;
    uint64_t inode;
    int64_t offset;
};

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static int record = -1;
static pid_t owner;
static const char *root;
static size_t root_size;
static char *paths[FILES]; /* of open files below the root */

__attribute__((constructor)) static void begin(void) {
    root = getenv("FAULT_ROOT");
    const char *to = getenv("FAULT_RECORD");
    if (!root || !to) abort();
    root_size = strlen(root);
    owner = getpid();
    record = syscall(SYS_openat, AT_FDCWD, to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (record < 0) abort();
}

static int below(const char *path) {
    return path && !strncmp(path, root, root_size) && (path[root_size] == '/' || !path[root_size]);
}

static void note(char kind, uint64_t inode, int64_t offset, const void *data, size_t size) {
    struct head head = {.kind = kind, .size = size, .inode = inode, .offset = offset};
    struct iovec parts[] = {{&head, sizeof head}, {(void *)data, size}};
    if (syscall(SYS_writev, record, parts, 2) != (ssize_t)(sizeof head + size)) abort();
}

static void note_path(char kind, uint64_t inode, int64_t offset, const char *path) {
    note(kind, inode, offset, path, strlen(path));
}

static void note_paths(char kind, const char *from, const char *to) {
    char both[2 * PATH_MAX + 1];
    size_t first = strlen(from) + 1, second = strlen(to);
    memcpy(both, from, first);
    memcpy(both + first, to, second);
    note(kind, 0, 0, both, first + second);
}

static const char *path_of(int file) { return file >= 0 && file < FILES ? paths[file] : NULL; }

static uint64_t inode_of(int file) {
    struct stat found;
    return fstat(file, &found) ? 0 : found.st_ino;
}

static void begin_call(void) { pthread_mutex_lock(&turn); }

static void end_call(void) {
    int error = errno;
    pthread_mutex_unlock(&turn);
    errno = error;
}

static int opened(int file, const char *path, int flags) {
    if (file < 0 || file >= FILES || !below(path)) return file;
    free(paths[file]);
    paths[file] = strdup(path);
    if (flags & (O_CREAT | O_TRUNC)) note_path(flags & O_TRUNC ? 'O' : 'o', inode_of(file), 0, path);
    return file;
}

#define MODE(flags, last) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | __O_TMPFILE)) { \
        va_list more; \
        va_start(more, last); \
        mode = va_arg(more, mode_t); \
        va_end(more); \
    }

static int open_at(int folder, const char *path, int flags, mode_t mode) {
    begin_call();
    int file = opened(syscall(SYS_openat, folder, path, flags, mode), path, flags);
    end_call();
    return file;
}

int open(const char *path, int flags, ...) {
    MODE(flags, flags)
    return open_at(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    MODE(flags, flags)
    return open_at(AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...) {
    MODE(flags, flags)
    return open_at(folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...) {
    MODE(flags, flags)
    return open_at(folder, path, flags, mode);
}

int close(int file) {
    begin_call();
    /* Between vfork and exec, what is to become another process closes files of its own, in the memory of this one. */
    if (path_of(file) && getpid() == owner) {
        free(paths[file]);
        paths[file] = NULL;
    }
    int result = syscall(SYS_close, file);
    end_call();
    return result;
}

ssize_t write(int file, const void *data, size_t size) {
    if (!path_of(file)) return syscall(SYS_write, file, data, size);
    begin_call();
    ssize_t done = syscall(SYS_write, file, data, size);
    if (done > 0) note('w', inode_of(file), lseek(file, 0, SEEK_CUR) - done, data, done);
    end_call();
    return done;
}

ssize_t pwrite64(int file, const void *data, size_t size, off64_t offset) {
    if (!path_of(file)) return syscall(SYS_pwrite64, file, data, size, offset);
    begin_call();
    ssize_t done = syscall(SYS_pwrite64, file, data, size, offset);
    if (done > 0) note('w', inode_of(file), offset, data, done);
    end_call();
    return done;
}

ssize_t pwrite(int file, const void *data, size_t size, off_t offset) { return pwrite64(file, data, size, offset); }

int ftruncate64(int file, off64_t size) {
    begin_call();
    int result = syscall(SYS_ftruncate, file, size);
    if (!result && path_of(file)) note('t', inode_of(file), size, "", 0);
    end_call();
    return result;
}

int ftruncate(int file, off_t size) { return ftruncate64(file, size); }

static int synced(int file) {
    if (!path_of(file)) return syscall(SYS_fsync, file);
    begin_call();
    note_path('s', inode_of(file), 0, paths[file]);
    end_call();
    return 0;
}

int fsync(int file) { return synced(file); }

int fdatasync(int file) { return synced(file); }

/* Names. A result of 0 is success for all of them. */

static int named(int result, char kind, const char *from, const char *to) {
    if (!result && to && (below(from) || below(to))) note_paths(kind, from, to);
    if (!result && !to && below(from)) note_path(kind, 0, 0, from);
    return result;
}

#define NAMES(call, kind, from, to) \
    begin_call(); \
    int result = named(call, kind, from, to); \
    end_call(); \
    return result;

int rename(const char *from, const char *to) {
    NAMES(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0), 'r', from, to)
}

int renameat(int folder, const char *from, int other, const char *to) {
    NAMES(syscall(SYS_renameat2, folder, from, other, to, 0), 'r', from, to)
}

int link(const char *from, const char *to) {
    NAMES(syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0), 'l', from, to)
}

int linkat(int folder, const char *from, int other, const char *to, int flags) {
    NAMES(syscall(SYS_linkat, folder, from, other, to, flags), 'l', from, to)
}

int unlink(const char *path) { NAMES(syscall(SYS_unlinkat, AT_FDCWD, path, 0), 'u', path, NULL) }

int unlinkat(int folder, const char *path, int flags) {
    NAMES(syscall(SYS_unlinkat, folder, path, flags), 'u', path, NULL)
}

int mkdir(const char *path, mode_t mode) { NAMES(syscall(SYS_mkdirat, AT_FDCWD, path, mode), 'm', path, NULL) }

/* Answers: written down before they go out. 'a' is one on a connection of TCP, 'c' one on a Unix socket. */

static void told(int file, const void *data, size_t size) {
    struct sockaddr_storage at;
    socklen_t most = sizeof at;
    if (getsockname(file, (struct sockaddr *)&at, &most)) return;
    begin_call();
    note(at.ss_family == AF_UNIX ? 'c' : 'a', 0, 0, data, size < TOLD ? size : TOLD);
    end_call();
}

ssize_t send(int file, const void *data, size_t size, int flags) {
    if (size > 1) told(file, data, size); /* a single byte wakes an event loop */
    return syscall(SYS_sendto, file, data, size, flags, NULL, 0);
}

ssize_t sendmsg(int file, const struct msghdr *message, int flags) {
    for (size_t part = 0; part < message->msg_iovlen; part++)
        told(file, message->msg_iov[part].iov_base, message->msg_iov[part].iov_len);
    return syscall(SYS_sendmsg, file, message, flags);
}

/* A file system that fails, is slow, or stops the process; loaded before libc with LD_PRELOAD.
 *
 * Calls on files below FAULTS_BELOW are counted, those of the kinds in FAULTS_KINDS alone. With
 * FAULTS_AT the one of that number is not made: FAULTS_DO says what happens instead, an error by
 * name, `short` for half a write, or `kill`; with FAULTS_LASTING the same happens to all after it.
 * FAULTS_SLOW are microseconds before each of these calls, FAULTS_CLOCK seconds added to the clock.
 *
 * FAULTS_LOG gets a line for each call that changed something, in the order in which they were made:
 * number, what was done, inode, path, other path. FAULTS_KEPT is a folder for what an fsync made
 * durable: a copy of the file, named by the number of its line. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* The call as libc has it. */
#define REAL(name) ({ \
    static __typeof__(&name) real; \
    if (!real) { real = (__typeof__(&name))dlsym(RTLD_NEXT, #name); } \
    real; })

enum kind { OPEN, READ, CREATE, WRITE, TRUNCATE, RENAME, LINK, UNLINK, MKDIR, SYNC, CHMOD, KINDS };
static const char *const names[KINDS] = {"open", "read", "create", "write", "truncate", "rename",
    "link", "unlink", "mkdir", "sync", "chmod"};

enum verdict { MAKE_IT, HALVE_IT, REFUSE_IT };
enum { KILL = -1, SHORT = -2 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *below, *kept;
static unsigned wanted;
static int action, lasting, log_file = -1;
static long at, slow, ahead, calls, line;

static long number(const char *name) {
    const char *text = getenv(name);
    return text ? atol(text) : 0;
}

static int action_named(const char *name) {
    static const struct { const char *name; int action; } known[] = {{"kill", KILL},
        {"short", SHORT}, {"ENOSPC", ENOSPC}, {"EIO", EIO}, {"EACCES", EACCES}, {"EROFS", EROFS},
        {"EDQUOT", EDQUOT}, {"EMFILE", EMFILE}, {"EINTR", EINTR}};
    for (size_t i = 0; name && i < sizeof known / sizeof *known; i++)
        if (!strcmp(name, known[i].name)) return known[i].action;
    return EIO;
}

__attribute__((constructor)) static void begin(void) {
    const char *kinds = getenv("FAULTS_KINDS"), *log = getenv("FAULTS_LOG");
    for (int kind = 0; kind < KINDS; kind++)
        if (kinds ? strstr(kinds, names[kind]) != NULL : kind > READ) wanted |= 1u << kind;
    at = number("FAULTS_AT");
    slow = number("FAULTS_SLOW");
    ahead = number("FAULTS_CLOCK");
    lasting = getenv("FAULTS_LASTING") != NULL;
    action = action_named(getenv("FAULTS_DO"));
    kept = getenv("FAULTS_KEPT");
    if (log) {
        int file = REAL(open)(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        log_file = fcntl(file, F_DUPFD_CLOEXEC, 500);
        close(file);
        /* Several processes may share a log; lines go on where the last one ended. */
        struct stat stat;
        line = fstat(log_file, &stat) ? 0 : stat.st_size;
    }
    below = getenv("FAULTS_BELOW");
}

/* The path of a file below our folder; 0 for any other. */
static int ours(int folder, const char *path, char *whole) {
    if (!below || !path) return 0;
    if (path[0] == '/' || folder == AT_FDCWD) {
        if (path[0] == '/') snprintf(whole, PATH_MAX, "%s", path);
        else if (getcwd(whole, PATH_MAX)) {
            size_t length = strlen(whole);
            snprintf(whole + length, PATH_MAX - length, "/%s", path);
        }
    } else {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        ssize_t length = readlink(link, whole, PATH_MAX - 1);
        if (length < 0) return 0;
        snprintf(whole + length, PATH_MAX - length, *path ? "/%s" : "%s", path);
    }
    size_t length = strlen(below);
    return !strncmp(whole, below, length) && (whole[length] == '/' || !whole[length]);
}

static int ours_by_number(int file, char *whole) {
    int before = errno, found = file != log_file && file != AT_FDCWD && ours(file, "", whole);
    errno = before;
    return found;
}

static unsigned long inode(int file) {
    struct stat stat;
    return fstat(file, &stat) ? 0 : stat.st_ino;
}

static void note(const char *what, unsigned long inode, const char *path, const char *other) {
    if (log_file < 0) return;
    char text[2 * PATH_MAX + 100];
    int before = errno;
    int length = snprintf(text, sizeof text, "%ld\t%s\t%lu\t%s\t%s\n", line, what, inode, path,
        other ? other : "");
    if (REAL(write)(log_file, text, length) != length) abort();
    line += length;
    errno = before;
}

/* What the file holds now is on the disk. */
static void keep(int file) {
    char name[PATH_MAX], source[64], buffer[65536];
    int before = errno;
    if (!kept) return;
    snprintf(name, sizeof name, "%s/%ld", kept, line);
    snprintf(source, sizeof source, "/proc/self/fd/%d", file);
    int from = REAL(open)(source, O_RDONLY | O_CLOEXEC);
    int to = REAL(open)(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    for (ssize_t count; (count = REAL(read)(from, buffer, sizeof buffer)) > 0;)
        if (REAL(write)(to, buffer, count) != count) abort();
    close(from);
    close(to);
    errno = before;
}

__attribute__((destructor)) static void end(void) {
    if (below) note("calls", calls, below, NULL);
}

/* Takes the lock, so that calls are logged in the order in which they are made. */
static enum verdict enter(enum kind kind, const char *path) {
    pthread_mutex_lock(&lock);
    if (!(wanted & 1u << kind)) return MAKE_IT;
    if (slow) nanosleep(&(struct timespec){0, slow * 1000}, NULL);
    calls++;
    if (!at || calls < at || (calls > at && !lasting)) return MAKE_IT;
    note("hit", calls, path, names[kind]);
    if (action == KILL) for (;;) kill(getpid(), SIGKILL);
    if (action == SHORT) return kind == WRITE ? HALVE_IT : MAKE_IT;
    errno = action;
    return REFUSE_IT;
}

static long leave(long result) {
    int before = errno;
    pthread_mutex_unlock(&lock);
    errno = before;
    return result;
}

static int opened(int folder, const char *path, int flags, mode_t mode) {
    char whole[PATH_MAX];
    if (!ours(folder, path, whole)) return REAL(openat)(folder, path, flags, mode);
    struct stat stat;
    int before = errno, is_new = (flags & O_CREAT) && fstatat(folder, path, &stat, 0);
    errno = before;
    int writes = (flags & O_ACCMODE) != O_RDONLY || is_new;
    if (enter(writes ? CREATE : OPEN, whole) == REFUSE_IT) return leave(-1);
    int file = REAL(openat)(folder, path, flags, mode);
    if (file >= 0 && is_new) note("create", inode(file), whole, NULL);
    else if (file >= 0 && (flags & O_TRUNC)) note("truncate", inode(file), whole, NULL);
    return leave(file);
}

#define OPENING(name, folder_argument, folder) \
    int name(folder_argument const char *path, int flags, ...) { \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        return opened(folder, path, flags, mode); \
    }
#define NO_FOLDER
#define FOLDER int folder,
OPENING(open, NO_FOLDER, AT_FDCWD)
OPENING(open64, NO_FOLDER, AT_FDCWD)
OPENING(openat, FOLDER, folder)
OPENING(openat64, FOLDER, folder)

#define WRITING(file, half, whole) \
    char path[PATH_MAX]; \
    if (!ours_by_number(file, path)) return whole; \
    enum verdict verdict = enter(WRITE, path); \
    ssize_t written = verdict == REFUSE_IT ? -1 : verdict == HALVE_IT ? half : whole; \
    if (written >= 0) note("write", inode(file), path, NULL); \
    return leave(written)
#define HALF(count) ((count) > 1 ? (count) / 2 : (count))

ssize_t write(int file, const void *bytes, size_t count) {
    WRITING(file, REAL(write)(file, bytes, HALF(count)), REAL(write)(file, bytes, count));
}
ssize_t pwrite(int file, const void *bytes, size_t count, off_t place) {
    WRITING(file, REAL(pwrite)(file, bytes, HALF(count), place),
        REAL(pwrite)(file, bytes, count, place));
}
ssize_t writev(int file, const struct iovec *pieces, int count) {
    WRITING(file, REAL(write)(file, pieces->iov_base, HALF(pieces->iov_len)),
        REAL(writev)(file, pieces, count));
}
ssize_t copy_file_range(int from, off64_t *first, int to, off64_t *second, size_t count,
    unsigned flags) {
    WRITING(to, REAL(copy_file_range)(from, first, to, second, HALF(count), flags),
        REAL(copy_file_range)(from, first, to, second, count, flags));
}
ssize_t sendfile64(int to, int from, off64_t *place, size_t count) {
    WRITING(to, REAL(sendfile64)(to, from, place, HALF(count)),
        REAL(sendfile64)(to, from, place, count));
}

ssize_t read(int file, void *bytes, size_t count) {
    char path[PATH_MAX];
    if (!(wanted & 1u << READ) || !ours_by_number(file, path)) return REAL(read)(file, bytes, count);
    if (enter(READ, path) == REFUSE_IT) return leave(-1);
    leave(0);
    return REAL(read)(file, bytes, count);
}

#define BY_NUMBER(kind, what, file, call) \
    char path[PATH_MAX]; \
    if (!ours_by_number(file, path)) return call; \
    int result = enter(kind, path) == REFUSE_IT ? -1 : call; \
    if (!result) note(what, inode(file), path, NULL); \
    return leave(result)

int ftruncate64(int file, off64_t length) {
    BY_NUMBER(TRUNCATE, "truncate", file, REAL(ftruncate64)(file, length));
}
int fchmod(int file, mode_t mode) { BY_NUMBER(CHMOD, "chmod", file, REAL(fchmod)(file, mode)); }

static int synced(int file, int (*call)(int)) {
    char path[PATH_MAX];
    struct stat stat;
    if (!ours_by_number(file, path)) return call(file);
    int result = enter(SYNC, path) == REFUSE_IT ? -1 : call(file);
    if (!result && !fstat(file, &stat)) {
        int is_folder = S_ISDIR(stat.st_mode);
        if (!is_folder) keep(file);
        note(is_folder ? "syncfolder" : "sync", stat.st_ino, path, NULL);
    }
    return leave(result);
}
int fsync(int file) { return synced(file, REAL(fsync)); }
int fdatasync(int file) { return synced(file, REAL(fdatasync)); }

#define BY_PATH(kind, what, folder, name, call) \
    char path[PATH_MAX]; \
    if (!ours(folder, name, path)) return call; \
    int result = enter(kind, path) == REFUSE_IT ? -1 : call; \
    if (!result) note(what, 0, path, NULL); \
    return leave(result)

int unlink(const char *name) { BY_PATH(UNLINK, "unlink", AT_FDCWD, name, REAL(unlink)(name)); }
int unlinkat(int folder, const char *name, int flags) {
    BY_PATH(UNLINK, flags & AT_REMOVEDIR ? "rmdir" : "unlink", folder, name,
        REAL(unlinkat)(folder, name, flags));
}
int rmdir(const char *name) { BY_PATH(UNLINK, "rmdir", AT_FDCWD, name, REAL(rmdir)(name)); }
int mkdir(const char *name, mode_t mode) {
    BY_PATH(MKDIR, "mkdir", AT_FDCWD, name, REAL(mkdir)(name, mode));
}
int chmod(const char *name, mode_t mode) {
    BY_PATH(CHMOD, "chmod", AT_FDCWD, name, REAL(chmod)(name, mode));
}
int symlink(const char *end, const char *name) {
    BY_PATH(LINK, "symlink", AT_FDCWD, name, REAL(symlink)(end, name));
}

#define FROM_TO(kind, what, from, to, call) \
    char path[PATH_MAX], other[PATH_MAX]; \
    if (!ours(AT_FDCWD, from, path) || !ours(AT_FDCWD, to, other)) return call; \
    int result = enter(kind, path) == REFUSE_IT ? -1 : call; \
    if (!result) note(what, 0, path, other); \
    return leave(result)

int rename(const char *from, const char *to) {
    FROM_TO(RENAME, "rename", from, to, REAL(rename)(from, to));
}
int link(const char *from, const char *to) {
    FROM_TO(LINK, "link", from, to, REAL(link)(from, to));
}
int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    FROM_TO(LINK, "link", from, to, REAL(linkat)(from_folder, from, to_folder, to, flags));
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = syscall(SYS_clock_gettime, clock, time);
    if (!result && clock == CLOCK_REALTIME) time->tv_sec += ahead;
    return result;
}

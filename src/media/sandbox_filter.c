#include "media/sandbox_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#else
#error                                                                                             \
    "name this processor's AUDIT_ARCH_… (linux/audit.h) here, and check the list below with strace"
#endif
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "arguments are read as if the low half came first"
#endif

/// Numbers of x86-64 at and above this are the x32 ABI's: other calls under the same architecture.
#define X32_BIT 0x40000000u

#define ALLOW SECCOMP_RET_ALLOW
#define FAIL(errnum) (SECCOMP_RET_ERRNO | (errnum))
#define PRETEND FAIL(0) ///< the caller is told that it was done
#define KILL SECCOMP_RET_KILL_PROCESS

/// One line of the list. The first that fits decides; what fits none dies.
struct rule {
    uint32_t call;
    uint32_t action;
    bool
        has_test; ///< it fits only where (argument `arg` & mask) == value; the low halves of 64 bits
    unsigned arg;   ///< 0..5
    uint32_t mask;  ///< 0 = all bits
    uint32_t value; ///< after the mask
};

#define ANY(name, what)                                                                            \
    {                                                                                              \
        .call = __NR_##name, .action = (what)                                                      \
    }
#define IF(name, n, bits, is, what)                                                                \
    {                                                                                              \
        .call = __NR_##name, .action = (what), .has_test = true, .arg = (n),                       \
        .mask = (uint32_t)(bits), .value = (uint32_t)(is)                                          \
    }

/// glibc's flags for a thread (nptl/createthread.c). Nothing else may be cloned: no process, no name space.
#define THREAD_FLAGS                                                                               \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |            \
     CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)
/// A file may be opened only by making it. O_PATH would make the kernel forget O_CREAT (open(2)).
#define NEW_FILE_MASK (O_CREAT | O_EXCL | O_PATH)
#define NEW_FILE (O_CREAT | O_EXCL)

/// Found with strace on every step with every codec of the corpora (Debian 12: glibc 2.36, FFmpeg 5.1, SVT-AV1 1.4), and in the
/// sources of what newer ones call instead. In the order of how often they are called.
static const struct rule rules[] = {
    // Threads.
    ANY(futex, ALLOW),
#ifdef __NR_futex_waitv
    ANY(futex_waitv, ALLOW),
#endif
    ANY(rt_sigprocmask, ALLOW),
    ANY(sched_yield, ALLOW),
    ANY(rseq, ALLOW),
    ANY(set_robust_list, ALLOW),
    ANY(membarrier, ALLOW),
    ANY(gettid, ALLOW),
    ANY(exit, ALLOW),
    // Its flags are behind a pointer, which a filter cannot follow; glibc then calls clone.
    ANY(clone3, FAIL(ENOSYS)),
    IF(clone, 0, 0, THREAD_FLAGS, ALLOW),
    // Memory; none of it executable, so that data of the input can never become code.
    ANY(brk, ALLOW),
    IF(mmap, 2, PROT_EXEC, 0, ALLOW),
    ANY(mmap, FAIL(EACCES)),
    IF(mprotect, 2, PROT_EXEC, 0, ALLOW),
    ANY(mprotect, FAIL(EACCES)),
    ANY(munmap, ALLOW),
    ANY(mremap, ALLOW),
    ANY(madvise, ALLOW),
    // What is open.
    ANY(read, ALLOW),
    ANY(write, ALLOW),
    ANY(pread64, ALLOW),
    ANY(pwrite64, ALLOW),
    ANY(readv, ALLOW),
    ANY(writev, ALLOW),
    ANY(lseek, ALLOW),
    ANY(close, ALLOW),
    ANY(fstat, ALLOW),
    ANY(ftruncate, ALLOW),
    ANY(fallocate, ALLOW),
    ANY(fsync, ALLOW),
    ANY(fdatasync, ALLOW),
    ANY(fadvise64, ALLOW),
    ANY(ppoll, ALLOW),
    // Not F_SETOWN and its kin, which send signals to others; not locks on the input, which is not ours.
    IF(fcntl, 1, 0, F_GETFL, ALLOW),
    IF(fcntl, 1, 0, F_GETFD, ALLOW),
    IF(fcntl, 1, 0, F_SETFD, ALLOW),
    IF(fcntl, 1, 0, F_DUPFD_CLOEXEC, ALLOW),
    ANY(fcntl, FAIL(EPERM)),
    ANY(ioctl, FAIL(ENOTTY)), // isatty
    // Files by name. fstat of glibc before 2.39 is newfstatat with AT_EMPTY_PATH.
    IF(openat, 2, NEW_FILE_MASK, NEW_FILE, ALLOW),
    ANY(openat, FAIL(EACCES)), // lists of processors, time zones, character sets, /dev/urandom
    ANY(openat2, FAIL(ENOSYS)),
#ifdef __NR_newfstatat
    IF(newfstatat, 3, AT_EMPTY_PATH, AT_EMPTY_PATH, ALLOW),
    ANY(newfstatat, FAIL(EACCES)),
#endif
    ANY(statx, FAIL(ENOSYS)),
    ANY(faccessat, FAIL(EACCES)),
    ANY(faccessat2, FAIL(EACCES)),
    ANY(readlinkat, FAIL(EACCES)),
    ANY(getcwd, FAIL(EACCES)),
    ANY(getdents64, FAIL(EACCES)),
    // Time, chance, and who and where we are.
    ANY(clock_gettime, ALLOW),
    ANY(clock_getres, ALLOW),
    ANY(clock_nanosleep, ALLOW),
    ANY(nanosleep, ALLOW),
    ANY(gettimeofday, ALLOW),
    ANY(restart_syscall, ALLOW),
    ANY(getrandom, ALLOW),
    ANY(getpid, ALLOW),
    ANY(getuid, ALLOW),
    ANY(geteuid, ALLOW),
    ANY(getgid, ALLOW),
    ANY(getegid, ALLOW),
    ANY(getcpu, ALLOW),
    ANY(sched_getaffinity, ALLOW),
    ANY(sched_getscheduler, ALLOW),
    ANY(sched_getparam, ALLOW),
    ANY(sched_get_priority_max, ALLOW),
    ANY(sched_get_priority_min, ALLOW),
    ANY(sysinfo, ALLOW),
    ANY(uname, ALLOW),
    ANY(getrusage, ALLOW),
    IF(prctl, 0, 0, PR_SET_NAME, ALLOW),
    IF(prctl, 0, 0, PR_GET_NAME, ALLOW),
    ANY(prctl, FAIL(EPERM)),     // lengths of vectors, names of memory; not PR_SET_PDEATHSIG
    ANY(prlimit64, FAIL(EPERM)), // getrlimit too
    // SVT-AV1 wants real-time priority and cores of its own where it runs as root: a shared machine is better off without.
    ANY(sched_setaffinity, FAIL(EPERM)),
    ANY(sched_setscheduler, PRETEND), // it complains once a thread where that fails
    ANY(sched_setparam, FAIL(EPERM)),
    ANY(setpriority, FAIL(EPERM)),
    ANY(mlock, FAIL(EPERM)),
    ANY(mbind, FAIL(EPERM)),
    ANY(set_mempolicy, FAIL(EPERM)),
    ANY(get_mempolicy, FAIL(EPERM)),
    // An end by abort() or a crash.
    ANY(exit_group, ALLOW),
    ANY(rt_sigaction, ALLOW),
    ANY(rt_sigreturn, ALLOW),
    ANY(sigaltstack, ALLOW),
#if AVSP_SANITIZED
    // Maps and symbols for a report; the thread that stops all others and looks for leaks.
    ANY(clone, ALLOW),
    ANY(ptrace, ALLOW),
    ANY(wait4, ALLOW),
    ANY(pipe2, ALLOW),
    ANY(getppid, ALLOW),
    ANY(personality, ALLOW),
    ANY(dup, ALLOW),
#endif
#ifdef __x86_64__
    // What other architectures never had.
    IF(open, 1, NEW_FILE_MASK, NEW_FILE, ALLOW),
    ANY(open, FAIL(EACCES)),
    ANY(stat, FAIL(EACCES)),
    ANY(lstat, FAIL(EACCES)),
    ANY(access, FAIL(EACCES)),
    ANY(readlink, FAIL(EACCES)),
    ANY(poll, ALLOW),
    ANY(time, ALLOW),
#endif
};

/// In front of the others in a build with a sanitizer, whose run-time reads what it likes.
#if AVSP_SANITIZED
static const struct rule sanitizer_rules[] = {
    IF(openat, 2, O_ACCMODE | O_CREAT, O_RDONLY, ALLOW),
    ANY(readlinkat, ALLOW),
    ANY(getdents64, ALLOW),
    ANY(newfstatat, ALLOW),
    ANY(prctl, ALLOW),
    ANY(prlimit64, ALLOW),
    ANY(tgkill, ALLOW),
#ifdef __x86_64__
    IF(open, 1, O_ACCMODE | O_CREAT, O_RDONLY, ALLOW),
    ANY(readlink, ALLOW),
    ANY(stat, ALLOW),
    ANY(pipe, ALLOW),
    ANY(getdents, ALLOW),
    ANY(getrlimit, ALLOW),
#endif
};
#endif

struct program {
    struct sock_filter *code;
    size_t n;
};

static void put(struct program *prog, uint16_t code, uint8_t if_true, uint8_t if_false, uint32_t k)
{
    AVSP_ASSERT(prog->n < AVSP_FILTER_MAX);
    prog->code[prog->n++] =
        (struct sock_filter){.code = code, .jt = if_true, .jf = if_false, .k = k};
}

static void load(struct program *prog, size_t offset)
{
    put(prog, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

/// Goes on where the loaded value is @p value, else leaves out the next @p n_skipped.
static void require(struct program *prog, uint32_t value, uint8_t n_skipped)
{
    put(prog, BPF_JMP | BPF_JEQ | BPF_K, 0, n_skipped, value);
}

static void decide(struct program *prog, uint32_t action)
{
    put(prog, BPF_RET | BPF_K, 0, 0, action);
}

/// The number of the call is loaded, before and after.
static void put_rule(struct program *prog, const struct rule *rule)
{
    if (!rule->has_test) {
        require(prog, rule->call, 1);
        decide(prog, rule->action);
        return;
    }
    uint8_t n_mask = rule->mask != 0 ? 1 : 0;
    require(prog, rule->call, (uint8_t)(4 + n_mask));
    load(prog, offsetof(struct seccomp_data, args) + rule->arg * sizeof(uint64_t));
    if (n_mask != 0)
        put(prog, BPF_ALU | BPF_AND | BPF_K, 0, 0, rule->mask);
    require(prog, rule->value, 1);
    decide(prog, rule->action);
    load(prog, offsetof(struct seccomp_data, nr));
}

static void put_rules(struct program *prog, const struct rule *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        put_rule(prog, &list[i]);
}

size_t avsp_filter_build(const struct avsp_filter_facts *facts, struct sock_filter *ret_program)
{
    struct program prog = {.code = ret_program};
    load(&prog, offsetof(struct seccomp_data, arch));
    require(&prog, ARCH, 1);
    put(&prog, BPF_JMP | BPF_JA, 0, 0, 1);
    decide(&prog, KILL);
    load(&prog, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
    put(&prog, BPF_JMP | BPF_JGE | BPF_K, 0, 1, X32_BIT);
    decide(&prog, KILL);
#endif
#if AVSP_SANITIZED
    put_rules(&prog, sanitizer_rules, AVSP_ARRAY_LEN(sanitizer_rules));
#endif
    put_rules(&prog, rules, AVSP_ARRAY_LEN(rules));
    uint32_t removal = facts->may_remove ? ALLOW : FAIL(EPERM);
    const struct rule own[] = {
        IF(tgkill, 0, 0, facts->pid, ALLOW),
        ANY(unlinkat, removal),
#ifdef __x86_64__
        ANY(unlink, removal),
#endif
    };
    put_rules(&prog, own, AVSP_ARRAY_LEN(own));
    decide(&prog, KILL);
    return prog.n;
}

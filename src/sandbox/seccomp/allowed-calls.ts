/**
 * What Node, its native addons, package managers and the compilers that they start may ask of the kernel, by name; a
 * name that an architecture lacks says nothing about it.
 *
 * It is what containers commonly let an unprivileged program do (moby's profiles/seccomp/default.json), without what
 * no function needs: denied-calls.ts says what and why. A call that hurts nobody and that somebody's code could make
 * belongs here, not only those that Node makes: a wrong guess breaks a customer's code far from its cause.
 */
interface AllowedGroup {
  what: string;
  calls: string;
}

export const ALLOWED_CALLS: readonly AllowedGroup[] = [
  {
    what: 'open files; which there are, and which can be written, is decided by the mounts',
    calls: `
      open openat openat2 creat close close_range dup dup2 dup3 fcntl flock lseek read write readv writev pread64
      pwrite64 preadv pwritev preadv2 pwritev2 sendfile copy_file_range splice tee vmsplice pipe pipe2 fsync fdatasync
      sync_file_range fadvise64 readahead fallocate truncate ftruncate`,
  },
  {
    what: 'names and what is known of them; mknod makes pipes, for devices the kernel wants a capability',
    calls: `
      stat lstat fstat newfstatat statx statfs fstatfs access faccessat faccessat2 getdents getdents64 getcwd chdir
      fchdir mkdir mkdirat rmdir link linkat symlink symlinkat readlink readlinkat unlink unlinkat rename renameat
      renameat2 chmod fchmod fchmodat fchmodat2 chown lchown fchown fchownat umask utime utimes utimensat futimesat
      mknod mknodat setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr
      removexattr lremovexattr fremovexattr inotify_init inotify_init1 inotify_add_watch inotify_rm_watch`,
  },
  {
    what: 'memory; compilers of JavaScript and WebAssembly write code and run it, so mprotect is not looked into; mmap is, by a rule',
    calls: `
      brk munmap mremap mprotect madvise msync mincore mlock mlock2 munlock mlockall munlockall pkey_alloc pkey_free
      pkey_mprotect membarrier mseal map_shadow_stack`,
  },
  {
    what: 'processes and threads; clone is looked into by a rule',
    calls: `
      fork vfork execve execveat exit exit_group wait4 waitid getpid getppid gettid getpgid setpgid getpgrp getsid setsid
      set_tid_address set_robust_list get_robust_list futex rseq arch_prctl restart_syscall pidfd_open
      pidfd_send_signal`,
  },
  {
    what: 'signals; only processes of the same sandbox are there to get them',
    calls: `
      kill tkill tgkill rt_sigaction rt_sigprocmask rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_tgsigqueueinfo
      rt_sigsuspend rt_sigreturn sigaltstack pause signalfd signalfd4`,
  },
  {
    what: 'identities and limits; the user namespace has one of each, and no capability is left to raise a limit',
    calls: `
      getuid geteuid getgid getegid getresuid getresgid getgroups setuid setgid setreuid setregid setresuid setresgid
      setgroups setfsuid setfsgid capget capset getrlimit setrlimit prlimit64 getrusage times`,
  },
  {
    what: 'scheduling of its own threads; real-time classes want a capability',
    calls: `
      sched_yield sched_setparam sched_getparam sched_setscheduler sched_getscheduler sched_get_priority_max
      sched_get_priority_min sched_rr_get_interval sched_setaffinity sched_getaffinity sched_setattr sched_getattr
      getpriority setpriority ioprio_get ioprio_set getcpu`,
  },
  {
    what: 'time: reading clocks, sleeping, timers',
    calls: `
      time gettimeofday clock_gettime clock_getres clock_nanosleep nanosleep alarm getitimer setitimer timer_create
      timer_settime timer_gettime timer_getoverrun timer_delete timerfd_create timerfd_settime timerfd_gettime`,
  },
  {
    what: 'waiting for events',
    calls: `
      poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd
      eventfd2`,
  },
  {
    what: 'sockets, once there is one: socket, socketpair and setsockopt are looked into by rules',
    calls: `
      bind listen accept accept4 connect getsockname getpeername sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg
      shutdown getsockopt`,
  },
  {
    what: "System V's shared memory, semaphores and queues, in an IPC namespace of its own: databases use them",
    calls: `
      shmat shmctl shmdt semget semop semtimedop semctl msgget msgsnd msgrcv msgctl`,
  },
  {
    what: 'what the machine is, and randomness',
    calls: `uname sysinfo getrandom`,
  },
  {
    what: 'giving up more rights: a program may confine itself further, never less',
    calls: `seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self`,
  },
];

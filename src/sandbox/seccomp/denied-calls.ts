/**
 * Every other call that the kernel's tables know, and why a function does not get it. Together with allowed-calls.ts
 * and argument-rules.ts this decides each known call exactly once, which a test holds; a call that is in no table is
 * refused with ENOSYS, so a newer kernel gives functions nothing new (CVE-2021-41133: Flatpak's list of what is
 * forbidden did not know of the newer mount calls).
 *
 * Read for it: Flatpak's setup_seccomp (common/flatpak-run.c), moby's profiles/seccomp/default.json, and the calls
 * that local privilege escalations of recent years went through.
 */
import type { ErrorName } from './verdict.ts';

interface DeniedGroup {
  why: string;
  /** ENOSYS where programs have an older way that they then take, else what the kernel says to the unprivileged. */
  error: ErrorName;
  calls: string;
}

export const DENIED_CALLS: readonly DeniedGroup[] = [
  {
    why: 'other namespaces: in a new one the kernel runs code that it otherwise keeps for root',
    error: 'EPERM',
    calls: `unshare setns`,
  },
  {
    why: 'its flags lie in memory, where a filter cannot look; the C library then takes clone',
    error: 'ENOSYS',
    calls: `clone3`,
  },
  {
    why: 'the view of the file system is final',
    error: 'EPERM',
    calls: `mount umount2 pivot_root chroot`,
  },
  {
    why: 'the same by the newer interface, of which nothing may depend (CVE-2021-41133)',
    error: 'ENOSYS',
    calls: `
      open_tree open_tree_attr move_mount fsopen fsconfig fsmount fspick mount_setattr statmount listmount listns`,
  },
  {
    why: 'reaching into other processes; only its own are there, but each has been a way into the kernel',
    error: 'EPERM',
    calls: `
      ptrace process_vm_readv process_vm_writev process_madvise process_mrelease pidfd_getfd kcmp`,
  },
  {
    why: 'programs and probes in the kernel',
    error: 'EPERM',
    calls: `bpf perf_event_open`,
  },
  {
    why: 'stops the kernel at a page of choice, which turns narrow races of it into sure ones',
    error: 'EPERM',
    calls: `userfaultfd`,
  },
  {
    why: 'a second way to make calls that no filter sees, and the youngest large part of the kernel',
    error: 'ENOSYS',
    calls: `io_uring_setup io_uring_enter io_uring_register`,
  },
  {
    why: 'its older sibling, which nothing uses but databases on raw disks',
    error: 'ENOSYS',
    calls: `io_setup io_destroy io_getevents io_submit io_cancel io_pgetevents`,
  },
  {
    why: 'key rings outlive a process and are shared by all of one uid',
    error: 'EPERM',
    calls: `add_key request_key keyctl`,
  },
  {
    why: 'opens files by number, past every mount (the "shocker" escape from containers)',
    error: 'EPERM',
    calls: `open_by_handle_at name_to_handle_at`,
  },
  {
    why: 'watches whole file systems, beyond the mounts',
    error: 'EPERM',
    calls: `fanotify_init fanotify_mark`,
  },
  {
    why: 'code for the kernel, or another kernel',
    error: 'EPERM',
    calls: `init_module finit_module delete_module kexec_load kexec_file_load`,
  },
  {
    why: 'the machine as a whole: power, swap, accounting, quotas, its name, its log, its terminal',
    error: 'EPERM',
    calls: `
      reboot swapon swapoff acct quotactl quotactl_fd sethostname setdomainname syslog vhangup`,
  },
  {
    why: 'would have every sandbox wait for all that the machine has to write; fsync is there',
    error: 'EPERM',
    calls: `sync syncfs`,
  },
  {
    why: 'setting the clock; it has no namespace',
    error: 'EPERM',
    calls: `settimeofday clock_settime clock_adjtime adjtimex`,
  },
  {
    why: "where in the machine's memory pages lie: others' are affected, and moving pages is rich in races",
    error: 'EPERM',
    calls: `
      mbind get_mempolicy set_mempolicy set_mempolicy_home_node migrate_pages move_pages`,
  },
  {
    why: 'ports and 16-bit segments, of no use but to emulators; modify_ldt has leaked more than once',
    error: 'EPERM',
    calls: `ioperm iopl modify_ldt`,
  },
  {
    why: 'memory that the kernel itself cannot see, nor count as it should',
    error: 'ENOSYS',
    calls: `memfd_secret`,
  },
  {
    why: 'tells which pages of shared files others have read',
    error: 'ENOSYS',
    calls: `cachestat`,
  },
  {
    why: 'message queues of POSIX: hardly used, and a way into the kernel (CVE-2017-11176)',
    error: 'ENOSYS',
    calls: `mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr`,
  },
  {
    why: 'newer forms of what is allowed: whoever calls them goes on without, since most kernels lack them',
    error: 'ENOSYS',
    calls: `
      futex_waitv futex_wake futex_wait futex_requeue setxattrat getxattrat listxattrat removexattrat file_getattr
      file_setattr`,
  },
  {
    why: "settings of the kernel's security modules",
    error: 'ENOSYS',
    calls: `lsm_get_self_attr lsm_set_self_attr lsm_list_modules`,
  },
  {
    why: 'made by code that the kernel plants for its own probes; one that knows them asks no filter, and ends others',
    error: 'ENOSYS',
    calls: `uretprobe uprobe`,
  },
  {
    why: 'of older kernels, or never made; some are still code that nobody looks after',
    error: 'ENOSYS',
    calls: `
      _sysctl sysfs ustat uselib create_module get_kernel_syms query_module nfsservctl getpmsg putpmsg afs_syscall
      tuxcall security vserver set_thread_area get_thread_area lookup_dcookie epoll_ctl_old epoll_wait_old
      remap_file_pages`,
  },
];

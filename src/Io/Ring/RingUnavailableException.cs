using System.Globalization;

namespace Harness.Io;

/// <summary>Why a process has no io_uring.</summary>
public enum RingUnavailableCause
{
    /// <summary>None of those below; the error number says what there is to say.</summary>
    Other,
    /// <summary>The kernel is older than 5.1, or was built without io_uring.</summary>
    OldKernel,
    /// <summary>The sysctl <c>kernel.io_uring_disabled</c> forbids it.</summary>
    Sysctl,
    /// <summary>A seccomp filter, as of a container, forbids it.</summary>
    Seccomp,
    /// <summary>A security module such as SELinux forbids it.</summary>
    SecurityModule,
    /// <summary>SQPOLL needs a privilege on this kernel.</summary>
    SubmissionPollingPrivilege,
    /// <summary>Locked memory, memory or descriptors ran out.</summary>
    Resources,
}

/// <summary>io_uring cannot be had here. The message is one line that says why, and what to do.</summary>
public sealed class RingUnavailableException : RingException
{
    private const string Setup = "io_uring_setup";

    private RingUnavailableException(RingUnavailableCause cause, int errno, string why)
        : base($"io_uring is not available: {why}", errno, Setup) => Cause = cause;

    /// <summary>Which of the known causes it is.</summary>
    public RingUnavailableCause Cause { get; }

    internal static RingUnavailableException Explain(int errno, SetupFlags flags, RingEnvironment environment)
    {
        (RingUnavailableCause cause, string why) = errno switch
        {
            Native.Errno.ENOSYS => ExplainMissing(environment),
            Native.Errno.EPERM or Native.Errno.EACCES => ExplainForbidden(errno, flags, environment),
            Native.Errno.ENOMEM => (RingUnavailableCause.Resources, "ENOMEM, too little memory or locked memory; raise `ulimit -l` (kernels before 5.12 count rings there) or ask for fewer entries"),
            Native.Errno.EMFILE or Native.Errno.ENFILE => (RingUnavailableCause.Resources, "no descriptor is left; raise `ulimit -n`"),
            Native.Errno.EINVAL => (RingUnavailableCause.Other, $"the kernel answers EINVAL even to flags {flags.ToNames()}; use fewer entries, or another backend"),
            _ => (RingUnavailableCause.Other, $"io_uring_setup answers errno {errno}; use the epoll or poll backend"),
        };
        return new RingUnavailableException(cause, errno, why);
    }

    private static (RingUnavailableCause, string) ExplainMissing(RingEnvironment environment)
    {
        Version kernel = environment.Kernel;
        if (kernel < new Version(5, 1))
        {
            return (RingUnavailableCause.OldKernel, $"kernel {kernel.Major}.{kernel.Minor} is older than 5.1 (ENOSYS); boot a newer kernel, or use the epoll or poll backend");
        }

        if (SeccompMode(environment) == 2)
        {
            return (RingUnavailableCause.Seccomp, $"a seccomp filter answers ENOSYS for io_uring_setup; {SeccompRemedy}");
        }

        return (RingUnavailableCause.OldKernel, $"kernel {kernel.Major}.{kernel.Minor} was built without CONFIG_IO_URING (ENOSYS); boot one that has it, or use the epoll or poll backend");
    }

    private static (RingUnavailableCause, string) ExplainForbidden(int errno, SetupFlags flags, RingEnvironment environment)
    {
        string name = errno == Native.Errno.EPERM ? "EPERM" : "EACCES";
        switch (Number(environment.ReadText("/proc/sys/kernel/io_uring_disabled")))
        {
            case 2:
                return (RingUnavailableCause.Sysctl, $"kernel.io_uring_disabled = 2 forbids it to every process ({name}); as root: sysctl kernel.io_uring_disabled=0, or use the epoll or poll backend");
            case 1:
                return (RingUnavailableCause.Sysctl, $"kernel.io_uring_disabled = 1 forbids it to processes without CAP_SYS_ADMIN and outside the group in kernel.io_uring_group ({name}); " +
                    "as root: sysctl kernel.io_uring_disabled=0, or join that group, or use the epoll or poll backend");
        }
        if (SeccompMode(environment) == 2)
        {
            return (RingUnavailableCause.Seccomp, $"a seccomp filter forbids io_uring_setup ({name}, and kernel.io_uring_disabled does not); {SeccompRemedy}");
        }

        if ((flags & SetupFlags.SQPOLL) != 0 && environment.Kernel < new Version(5, 11))
        {
            return (RingUnavailableCause.SubmissionPollingPrivilege, $"SQPOLL needs root before kernel 5.11 ({name}); run as root, or leave submission polling off");
        }

        return (RingUnavailableCause.SecurityModule, $"{name}, but neither kernel.io_uring_disabled nor a seccomp filter forbids it; look for a denial of a security module (SELinux: io_uring class) in the kernel log, " +
            "or use the epoll or poll backend");
    }

    private const string SeccompRemedy =
        "allow io_uring_setup, io_uring_enter and io_uring_register in the profile (Docker: --security-opt seccomp=PROFILE.json), or use the epoll or poll backend";

    // "Seccomp:  2" in /proc/self/status means that a filter is in force (proc_pid_status(5)).
    private static int SeccompMode(RingEnvironment environment)
    {
        foreach (string line in (environment.ReadText("/proc/self/status") ?? "").Split('\n'))
        {
            if (line.StartsWith("Seccomp:", StringComparison.Ordinal))
            {
                return Number(line["Seccomp:".Length..]) ?? 0;
            }
        }
        return 0;
    }

    private static int? Number(string? text) => int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out int value) ? value : null;
}

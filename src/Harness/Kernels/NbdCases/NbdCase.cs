using System.IO.Enumeration;

namespace Harness.Kernels.NbdCases;

/// <summary>One thing that is tried with the kernel's NBD client and our server.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Means">What is done, and what has to come out.</param>
/// <param name="Call">The function of <c>nbd-cases.sh</c> with its arguments.</param>
internal sealed record NbdCase(string Name, string Means, string Call)
{
    /// <summary>The server's backend; null for the one that it takes by itself.</summary>
    public string? Backend { get; init; }

    /// <summary>As a row of the table has it.</summary>
    public string Id => Backend is null ? Name : $"{Name}@{Backend}";

    /// <summary>The case that every backend is tried with.</summary>
    private const string OfBackends = "ext4-tcp-4";

    private static readonly NbdCase[] s_all =
    [
        new("ext4-unix", "ext4 over a Unix socket: made, filled by four writers, mounted anew, trimmed, checked, attached anew", "life unix 1 4096"),
        new("ext4-unix-4", "the same over four connections", "life unix 4 4096"),
        new("ext4-tcp", "the same over TCP", "life tcp 1 4096"),
        new(OfBackends, "the same over four TCP connections", "life tcp 4 4096"),
        new("ext4-512", "the same with blocks of 512 bytes", "life unix 1 512"),
        new("ext4-ioctl", "the same with a device that the older ioctls drive, not netlink", "life unix 1 4096 -nonetlink"),
        new("zeroes", "the bare device is written, zeroed and trimmed; it and the server's file are then what they should be", "zeroes"),
        new("read-only", "an export that may not be written to: the kernel knows it, mounts it and writes nothing", "read_only"),
        new("resize", "the device grows under a mounted file system, and the file system after it (blktests nbd/001 grows a bare one)", "resize"),
        new("reconnect-unix", "the server is killed under a writer and started again: requests wait, and no write fails", "reconnect unix 1"),
        new("reconnect-tcp", "the same over TCP", "reconnect tcp 1"),
        new("reconnect-tcp-4", "the same over four TCP connections", "reconnect tcp 4"),
        new("persist", "the server is killed and started again under nbd-client -persist: the device is attached anew, by it or, where the kernel ends it, by hand", "persist"),
        new("server-gone", "the server is killed for good under a mounted file system: writes fail and do not hang, and what was synced is there later", "gone 1"),
        new("server-gone-4", "the same over four connections", "gone 4"),
        new("unanswered", "a server that lives and answers no write: it fails after the device's time limit", "unanswered"),
        new("disconnect-mounted", "disconnected under a mounted file system: writes fail and do not hang, and what was synced is there later", "pulled"),
        new("disconnect-mounted-ioctl", "the same with a device that the older ioctls drive", "pulled -nonetlink"),
        new("partitions", "a partition is found, and reads as it was written, each time that the device is attached (as blktests nbd/002 looks at it)", "partitions"),
        new("partitions-ioctl", "the same with a device that the older ioctls drive", "partitions -nonetlink"),
        new("mount-race", "mounting and unmounting against disconnecting and attaching (as blktests nbd/003 does with its own program)", "mount_race"),
        new("module-race", "unloading and loading the module against attaching and disconnecting (as blktests nbd/004 does); it stays while a device is attached", "module_race"),
    ];

    /// <summary>The cases that patterns mean, each once with the server's own backend; and one of them with each of the backends that are named.</summary>
    /// <exception cref="HarnessException">Nothing matches.</exception>
    public static IReadOnlyList<NbdCase> Select(string? glob, IReadOnlyList<string> backends)
    {
        NbdCase[] all = [.. s_all, .. backends.Select(backend => s_all.Single(one => one.Name == OfBackends) with { Backend = backend })];
        string[] globs = glob?.Split(',', StringSplitOptions.RemoveEmptyEntries) ?? ["*"];
        NbdCase[] selected = [.. all.Where(one => globs.Any(any => FileSystemName.MatchesSimpleExpression(any, one.Id, ignoreCase: false)))];
        return selected.Length > 0
            ? selected
            : throw new HarnessException(ExitCode.Usage, $"--filter '{glob}' matches none of {all.Length} cases: {string.Join(", ", all.Select(one => one.Id))}");
    }
}

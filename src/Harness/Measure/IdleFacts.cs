using System.Globalization;

namespace Harness.Measure;

/// <summary>
/// How a CPU with nothing to do sleeps, which is what whoever sleeps waits for. A fact that could not be had is null; kernels without <c>cpuidle</c> have none.
/// </summary>
/// <param name="Driver">What puts a CPU to sleep; <c>none</c> where no driver took it on.</param>
/// <param name="Governor">What chooses how deep.</param>
/// <param name="GuestHaltPollNs">How long at most a guest polls before it halts and leaves its CPU to the host; null but under <c>haltpoll</c>.</param>
internal sealed record IdleFacts(string? Driver, string? Governor, long? GuestHaltPollNs)
{
    /// <summary>The governor of virtual machines that polls before it halts.</summary>
    public const string HaltPoll = "haltpoll";

    private const string Folder = "sys/devices/system/cpu/cpuidle/";

    /// <param name="text">Reads a file below <c>/</c>; null where it cannot be had.</param>
    public static IdleFacts Read(Func<string, string?> text)
    {
        // Older kernels, whose governor can be changed only where they were booted for it, have the second name otherwise.
        string? governor = text(Folder + "current_governor") ?? text(Folder + "current_governor_ro");
        // The module's parameter is there under other governors too, where nothing looks at it.
        string? pollNs = governor == HaltPoll ? text("sys/module/haltpoll/parameters/guest_halt_poll_ns") : null;
        return new IdleFacts(text(Folder + "current_driver"), governor, Number(pollNs));
    }

    private static long? Number(string? text) => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : null;
}

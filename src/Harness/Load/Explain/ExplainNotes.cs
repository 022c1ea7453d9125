using System.Globalization;
using Harness.Results;

namespace Harness.Load;

/// <summary>What the figures of an <see cref="Explanation"/> say together, in sentences; each only where it holds.</summary>
internal static class ExplainNotes
{
    // Of a loop's wall time: from here on its CPU bounds the rate.
    private const double Busy = 0.9;

    // Of all waits, of the wall time: less is chance, or what figures that are read one after the other leave between them.
    private const double Many = 0.1;
    private const double Some = 0.05;

    /// <param name="explanation">Of one cell.</param>
    /// <param name="isOpenLoop">Whether a schedule sets the rate, so that neither side bounds it.</param>
    /// <param name="depth">Requests in flight where there is one connection, so that they can all be in one batch; else null.</param>
    public static IEnumerable<string> Of(Explanation explanation, bool isOpenLoop, int? depth)
    {
        (string Name, ExplainedSide Figures)[] sides =
        [
            .. explanation.Client is { } client ? [("client", client)] : Array.Empty<(string, ExplainedSide)>(),
            .. explanation.Server is { } server ? [("server", server)] : Array.Empty<(string, ExplainedSide)>(),
        ];
        string? crowded = Crowded(sides);
        // With other work on the CPUs, or a schedule that lets them idle, nothing follows from the time in which nobody works.
        bool tells = crowded is null && !isOpenLoop && sides.Length == 2 && sides.All(side => side.Figures.AsleepUsPerOp is not null && !Spins(side.Figures));
        string?[] notes =
        [
            crowded,
            tells ? WhoWaits(sides[0].Figures, sides[1].Figures, depth) : null,
            tells ? OnNeither(sides[0].Figures, sides[1].Figures) : null,
            WaitsThatDoNotSleep(sides),
            Spinning(sides),
            Copies(sides),
        ];
        return notes.OfType<string>();
    }

    private static string? Crowded((string Name, ExplainedSide Figures)[] sides)
    {
        var crowded = sides.Where(side => side.Figures.RunnableUsPerOp / side.Figures.WallUsPerOp > Many).ToArray();
        string who = string.Join(", ", crowded.Select(side => $"{side.Name} {Percent(side.Figures.RunnableUsPerOp / side.Figures.WallUsPerOp)}"));
        return crowded.Length == 0
            ? null
            : $"ready to run and kept from it by other work on the same CPU: {who} of the time; end that work, or give each process a CPU of its own (taskset -c)";
    }

    private static string? WaitsThatDoNotSleep((string Name, ExplainedSide Figures)[] sides)
    {
        var some = sides.Where(side => side.Figures.WaitsPerOp > 0 && AtOnce(side.Figures) > Many).ToArray();
        if (some.Length == 0)
        {
            return null;
        }

        string who = string.Join(", ", some.Select(side => $"{side.Name} {Percent(AtOnce(side.Figures))}"));
        return $"waits that ended without sleeping: {who}; something was there already"
            + (some.All(side => OnlyEnters(side.Figures))
                ? ", like the completion of the send that the same io_uring_enter had handed over: then it takes another to wait for what is to be received"
                : "");
    }

    private static string? Spinning((string Name, ExplainedSide Figures)[] sides)
    {
        var spinning = sides.Where(side => Spins(side.Figures)).ToArray();
        if (spinning.Length == 0)
        {
            return null;
        }

        string who = string.Join(" and ", spinning.Select(side => side.Name)) + (spinning.Length == 1 ? " spins" : " spin");
        string where = spinning.All(side => side.Figures.SyscallsByNamePerOp?.ContainsKey("io_uring_enter") == true)
            ? "in its user code"
            : "in its user code and, where a look is a system call, in the kernel";
        return $"{who}: the time in which a loop has nothing to do is {where}";
    }

    private static string WhoWaits(ExplainedSide client, ExplainedSide server, int? depth)
    {
        var (clientShare, serverShare) = (OnCpu(client) / client.WallUsPerOp, OnCpu(server) / server.WallUsPerOp);
        string shares = $"client {Percent(clientShare)}, server {Percent(serverShare)}";
        if (clientShare >= Busy || serverShare >= Busy)
        {
            return $"the {(clientShare > serverShare ? "client" : "server")}'s CPU bounds the rate: share of the time on a CPU: {shares}";
        }

        return depth is { } all && client.MessagesPerSend?.Mean > Busy * all && server.MessagesPerSend?.Mean > Busy * all
            ? string.Create(CultureInfo.InvariantCulture, $"the sides take turns: {Batch(all)}, and one sleeps while the other works; on a CPU: {shares}")
            : $"no CPU bounds the rate, the sides wait for each other; on a CPU: {shares}";
    }

    private static string Batch(int depth) => depth == 1
        ? "there is one request in flight"
        : string.Create(CultureInfo.InvariantCulture, $"each send takes all {depth:n0} that are in flight");

    // Where they never work at the same time this is all of it; where they do, there is more.
    private static string? OnNeither(ExplainedSide client, ExplainedSide server)
    {
        double? neitherUs = client.WallUsPerOp - OnCpu(client) - OnCpu(server) - (client.RunnableUsPerOp ?? 0) - (server.RunnableUsPerOp ?? 0);
        double? wakeUps = client.WakeUpsPerOp + server.WakeUpsPerOp;
        return neitherUs > Some * client.WallUsPerOp && wakeUps > 0
            ? string.Create(CultureInfo.InvariantCulture, $"for {neitherUs:0.###} µs per operation at least neither loop is on a CPU: from a wake-up to running, ")
                + string.Create(CultureInfo.InvariantCulture, $"{neitherUs / wakeUps:0.#} µs for each of {wakeUps:0.###} wake-ups")
            : null;
    }

    private static string? Copies((string Name, ExplainedSide Figures)[] sides) => sides.Any(side => side.Figures.UserCopiedBytesPerOp > 0)
        ? "our code copies what is read out of the receive buffer (client) and what is written into the store (server); the kernel copies what is sent and "
            + "received, headers too, once on each side"
        : null;

    private static bool Spins(ExplainedSide side) => side.LooksPerOp > Many;

    private static bool OnlyEnters(ExplainedSide side) =>
        side.SyscallsByNamePerOp is { } calls && calls.ContainsKey("io_uring_enter") && !calls.ContainsKey("sendmsg");

    private static double AtOnce(ExplainedSide side) => (side.WaitsPerOp - side.WakeUpsPerOp) / side.WaitsPerOp ?? 0;

    private static double? OnCpu(ExplainedSide side) => side.UserUsPerOp + side.KernelUsPerOp;

    private static string Percent(double? share) => string.Create(CultureInfo.InvariantCulture, $"{100 * share:0} %");
}

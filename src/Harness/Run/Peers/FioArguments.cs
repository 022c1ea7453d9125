using System.Globalization;
using Harness.Load;
using Harness.Matrix;

namespace Harness.Run;

/// <summary>A cell in fio's words, see fio(1).</summary>
internal static class FioArguments
{
    /// <summary>Why fio cannot load the server as a cell wants it, in one line; null where it can.</summary>
    public static string? Refusal(Cell cell) => cell switch
    {
        { IsOpenLoop: true } => "fio's rate only slows a closed loop down, and is no schedule; leave rate at closed",
        _ when cell["size"].Contains(':') => "fio is asked for one size here; give no shares",
        _ when cell["pattern"].StartsWith("zipf", StringComparison.Ordinal) => "fio's zipf visits other blocks than ours; use random or sequential",
        _ when cell["pattern"] == "sequential" && cell["connections"] != "1" => "fio's connections would all read the same blocks one after another; use one, or random",
        _ when !PeerVersion.Says("fio", "--enghelp").Contains("nbd", StringComparison.Ordinal) => "this fio is built without its nbd engine; Debian's has it",
        _ => null,
    };

    /// <param name="cell">Which load.</param>
    /// <param name="settings">For how long.</param>
    /// <param name="uri">The server.</param>
    /// <param name="output">Where its result goes: its stdout has other things to say.</param>
    public static IReadOnlyList<string> For(Cell cell, CellSettings settings, string uri, string output) =>
    [
        "fio", "--name=cell", "--ioengine=nbd", $"--uri={uri}", .. Traffic(cell), $"--bs={cell["size"]}",
        $"--iodepth={cell["depth"]}", $"--numjobs={cell["connections"]}",
        // Threads, so that its jobs are one process; blocks may come twice before all have come once, as with our own client.
        "--thread", "--group_reporting", "--norandommap", $"--randseed={settings.Seed.ToString(CultureInfo.InvariantCulture)}",
        "--time_based", $"--ramp_time={Microseconds(Ramp(cell, settings))}", $"--runtime={Microseconds(settings.Duration)}",
        "--lat_percentiles=1", "--clat_percentiles=1", "--slat_percentiles=0", "--output-format=json+", $"--output={output}",
    ];

    // fio cannot wait until our server has compiled its code, as our own load generator does. So it warms up for as long as that would at most; the server's
    // compiler would else be at work in the measured part, on the server's CPU.
    private static TimeSpan Ramp(Cell cell, CellSettings settings) => cell.HasOurServer ? settings.Warmup * Warmup.MaxTimes : settings.Warmup;

    private static string[] Traffic(Cell cell)
    {
        var random = cell["pattern"] == "random" ? "rand" : "";
        return Vocabulary.ReadPercent(cell["rw"]) switch
        {
            100 => [$"--rw={random}read"],
            0 => [$"--rw={random}write"],
            var percent => [random.Length > 0 ? "--rw=randrw" : "--rw=rw", string.Create(CultureInfo.InvariantCulture, $"--rwmixread={percent}")],
        };
    }

    private static string Microseconds(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{(long)time.TotalMicroseconds}us");
}

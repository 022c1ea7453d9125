using System.Globalization;
using Harness.Load;
using Harness.Matrix;
using Harness.Results;

namespace Harness.Ladder;

/// <summary>What <c>harness rung</c> prints for people.</summary>
internal static class RungText
{
    public static void Write(RungOptions options, LoadResult result, TextWriter text)
    {
        string connections = options.Connections == 1 ? "1 connection" : $"{options.Connections} connections";
        text.WriteLine(options.Rung switch
        {
            Vocabulary.Nop => $"NOPs on a ring, {options.Depth} in a batch",
            Vocabulary.Syscall => "system calls, getppid(2)",
            Vocabulary.Events => $"events · {options.Variant!.Backend}, {options.Variant.Variant}: {options.Variant.Description} · tokens {options.Tokens}, pipes {options.Pipes}",
            _ => string.Create(CultureInfo.InvariantCulture, $"{options.Uri} · bare exchange, {result.Wait} · {options.PayloadBytes:n0} bytes, {connections} × {options.Depth} in flight"),
        });
        string bytes = result.BytesPerSecond > 0 && options.Rung == Vocabulary.Exchange ? string.Create(CultureInfo.InvariantCulture, $", {result.BytesPerSecond / (1 << 20):n1} MiB/s") : "";
        text.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{result.Ops:n0} operations in {result.Seconds:0.00} s: {result.Iops:n0} per second, {1e6 / result.Iops:0.###} µs each{bytes}"));
        LoadText.WriteCosts(result.Server is null ? "process" : "client", result.Client, text);
        if (result.Server is { } server)
        {
            LoadText.WriteCosts("server", server, text);
        }
    }
}

using System.Globalization;
using Harness.Load;

namespace Harness.Copy;

/// <summary>What <c>harness copy</c> prints for people.</summary>
internal static class CopyText
{
    public static void Write(CopyResult result, TextWriter text)
    {
        string Connections(int count) => count switch { 0 => "", 1 => " (1 connection)", _ => $" ({count} connections)" };
        text.WriteLine($"{result.Source}{Connections(result.SourceConnections)} → {result.Destination}{Connections(result.DestinationConnections)} · "
            + string.Create(CultureInfo.InvariantCulture, $"{result.Backend}, {result.Wait} · {result.Requests} requests of {result.RequestBytes:n0} bytes"));
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{result.SizeBytes:n0} bytes in {result.Seconds:0.00} s: "
            + $"{result.BytesPerSecond / (1 << 20):n1} MiB/s; {result.DataBytes:n0} of data, {result.ZeroBytes:n0} of zeroes"));
        LoadText.WriteCosts("copy", result.Client, text);
        if (result.ComparedBytes is { } compared)
        {
            text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"verified: {compared:n0} bytes are the same at both ends"));
        }
    }
}

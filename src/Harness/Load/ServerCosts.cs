using System.Globalization;
using System.Net.Sockets;
using System.Text.Json;
using Harness.Matrix;
using Harness.Measure;
using Harness.Results;

namespace Harness.Load;

/// <summary>
/// Asks our own server for its counters over its control socket (<c>serve --control</c>): one line <c>stats</c> or, with all that explains where its time
/// goes, <c>stats all</c>, answered by one line of JSON with totals since its start. Asked before the measured part and after it, from the loop's thread
/// while nothing is in flight; the asking itself is a handful of the server's system calls.
/// </summary>
internal sealed class ServerCosts : IDisposable
{
    private const int TimeoutMs = 5000;

    // The runtime compiles anew what was called 30 times.
    private const int HotCalls = 32;

    private readonly string _path;
    private readonly Socket _socket;
    private readonly StreamReader _lines;

    /// <exception cref="HarnessException">Nobody listens there.</exception>
    public ServerCosts(string path)
    {
        _path = path;
        _socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = TimeoutMs, SendTimeout = TimeoutMs };
        try
        {
            _socket.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            _socket.Dispose();
            string why = File.Exists(path) ? e.Message : "there is no such file";
            string line = $"cannot reach the server's control socket '{path}': {why}; start the server with --control {path}";
            throw new HarnessException(ExitCode.Failed, line, e);
        }

        _lines = new StreamReader(new NetworkStream(_socket));
        // Once now, so that nothing of it is done for the first time around the measured part.
        _ = ReadAll();
    }

    /// <summary>The server's totals now, with all that it has sent.</summary>
    /// <exception cref="HarnessException">It does not answer as it should.</exception>
    public JsonElement Read()
    {
        // A reply can be here before the server's loop has seen that its send is complete. The turn that the first question takes sees it; the second
        // answer counts it.
        Ask("stats\n"u8);
        return Ask("stats\n"u8);
    }

    /// <summary>
    /// The same with what the server does not gather for every question. Not for asking over and over, but after <see cref="Settle"/>: what is asked for more
    /// than a few times is code that the runtime raises to a higher tier, some time later.
    /// </summary>
    /// <exception cref="HarnessException">It does not answer as it should.</exception>
    public JsonElement ReadAll()
    {
        Ask("stats\n"u8);
        return Ask("stats all\n"u8);
    }

    /// <summary>
    /// Asks until answering is code that the server compiles no more, up to some seconds. Before a measured part in which it is asked over and over: 400 to
    /// 500 methods were compiled there, of which each took the server's CPU for 1 to 3 ms.
    /// </summary>
    /// <exception cref="HarnessException">It does not answer as it should.</exception>
    public void Settle() => TieringRest.Before(AskUntilHot, () => (long)(Number(Read(), "jit_methods") ?? 0));

    private void AskUntilHot()
    {
        for (int i = 0; i < HotCalls; i++)
        {
            ReadAll();
        }
    }

    private JsonElement Ask(ReadOnlySpan<byte> question)
    {
        try
        {
            _socket.Send(question);
            string line = _lines.ReadLine() ?? throw new IOException("it closed the connection");
            using var document = JsonDocument.Parse(line);
            JsonElement counters = document.RootElement;
            if (counters.ValueKind != JsonValueKind.Object || Text(counters, "error") is not null)
            {
                throw new IOException($"it answered {line}");
            }

            return counters.Clone();
        }
        catch (Exception e) when (e is IOException or SocketException or JsonException)
        {
            throw new HarnessException(ExitCode.Failed, $"the server's control socket '{_path}' did not tell its counters: {e.Message}", e);
        }
    }

    /// <summary>What the server used between two answers, per operation. What it did not tell is null.</summary>
    public static ServerFigures Between(JsonElement start, JsonElement end, long ops) =>
        new(Costs(start, end, ops), Work(start) is { } before && Work(end) is { } after ? Explain.Between(before, after, ops) : null);

    private static SideCosts Costs(JsonElement start, JsonElement end, long ops)
    {
        double? PerOp(string name) => ops > 0 && Number(end, name) - Number(start, name) is { } used ? used / ops : null;
        bool hasRing = Text(end, "backend") is { } backend && Vocabulary.NeedsRing(backend);
        return new SideCosts
        {
            CpuUsPerOp = PerOp("cpu_us"),
            SyscallsPerOp = PerOp("system_calls"),
            EntersPerOp = hasRing ? PerOp("enters") : null,
            SqesPerOp = hasRing ? PerOp("sqes") : null,
            CqesPerOp = hasRing ? PerOp("cqes") : null,
            SqesByOpcodePerOp = hasRing && ops > 0 ? SqesByOpcode(start, end, ops) : null,
            BytesReceivedPerOp = PerOp("bytes_in"),
            BytesSentPerOp = PerOp("bytes_out"),
            ContextSwitchesPerOp = PerOp("context_switches"),
            AllocatedBytesPerOp = PerOp("allocated_bytes"),
            GcCount = (long?)(Number(end, "gc_count") - Number(start, "gc_count")),
            JitMethodsInWindow = (long?)(Number(end, "jit_methods") - Number(start, "jit_methods")),
            RingFlags = hasRing ? Text(end, "backend_description") : null,
        };
    }

    public void Dispose()
    {
        _lines.Dispose();
        _socket.Dispose();
    }

    // Only the answers of ReadAll have it.
    private static WorkTotals? Work(JsonElement counters) =>
        counters.TryGetProperty("work", out JsonElement work) ? work.Deserialize(ResultsJson.Line.WorkTotals) : null;

    private static string? Text(JsonElement counters, string name) =>
        counters.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    // The server numbers them, and leaves out those that it has not used.
    private static Dictionary<string, double>? SqesByOpcode(JsonElement start, JsonElement end, long ops)
    {
        if (!start.TryGetProperty("sqes_by_opcode", out JsonElement before) || !end.TryGetProperty("sqes_by_opcode", out JsonElement after))
        {
            return null;
        }

        return after.EnumerateObject()
            .Select(count => (Opcode: int.Parse(count.Name, CultureInfo.InvariantCulture), Used: count.Value.GetInt64() - (Number(before, count.Name) ?? 0)))
            .Where(count => count.Used != 0)
            .ToDictionary(count => OpcodeCounts.Name(count.Opcode), count => count.Used / ops);
    }

    /// <summary>One of the answer's figures; null where it has none of that name.</summary>
    public static double? Number(JsonElement counters, string name) =>
        counters.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;
}

using System.Runtime;
using System.Text.Json;
using Harness.Io;
using Harness.Measure;
using Harness.Nbd;
using Harness.Results;

namespace Harness.Serve;

/// <summary>
/// The server's counters as one line of JSON. They are gathered by posting to each loop, so every figure is read on the thread that writes it; a loop is woken
/// once at most, and allocates nothing for it.
/// </summary>
internal sealed class ControlStats(NbdServer server, IReadOnlyList<LoopThread> threads)
{
    /// <summary>How long a loop may take to answer.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The line, without its end.</summary>
    /// <param name="all">With what the loops did and where their time went, which takes the kernel's figures of each thread.</param>
    /// <exception cref="TimeoutException">A loop has not answered: it hangs, or its CPU is taken.</exception>
    public byte[] ToJson(bool all = false)
    {
        // Never disposed of: a loop that answers after our patience has ended still signals it, and must not meet an exception.
        var answered = new CountdownEvent(server.Loops.Count);
        LoopSnapshot[] loops = [.. server.Loops.Select(loop => new LoopSnapshot(loop, answered, all ? new WorkTotals() : null))];
        foreach (LoopSnapshot loop in loops)
        {
            loop.Ask();
        }

        if (!answered.Wait(Patience))
        {
            throw new TimeoutException($"a loop has not answered within {Patience.TotalSeconds:0} s");
        }

        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            Write(json, loops);
        }

        return bytes.ToArray();
    }

    private void Write(Utf8JsonWriter json, LoopSnapshot[] loops)
    {
        CpuUsage usage = ProcessUsage.Now();
        json.WriteStartObject();
        json.WriteNumber("requests", loops.Sum(loop => loop.Requests));
        json.WriteNumber("bytes_in", loops.Sum(loop => loop.BytesIn));
        json.WriteNumber("bytes_out", loops.Sum(loop => loop.BytesOut));
        json.WriteNumber("connections", loops.Sum(loop => loop.Connections));
        json.WriteNumber("connections_accepted", loops.Sum(loop => loop.Accepted));
        json.WriteNumber("system_calls", loops.Sum(loop => loop.SystemCalls));
        json.WriteNumber("enters", loops.Sum(loop => loop.Enters));
        json.WriteNumber("sqes", loops.Sum(loop => loop.Sqes));
        json.WriteNumber("cqes", loops.Sum(loop => loop.Cqes));
        json.WriteNumber("turns", loops.Sum(loop => loop.Turns));
        json.WriteNumber("sleeps", loops.Sum(loop => loop.Sleeps));
        json.WriteNumber("overflows", loops.Sum(loop => loop.Overflows));
        json.WriteNumber("allocated_bytes", loops.Sum(loop => loop.AllocatedBytes));
        json.WriteNumber("gc_count", GC.CollectionCount(0));
        json.WriteNumber("jit_methods", JitInfo.GetCompiledMethodCount());
        json.WriteNumber("cpu_us", usage.CpuUs);
        json.WriteNumber("context_switches", usage.ContextSwitches);
        WriteSqesByOpcode(json, loops);
        if (loops[0].Work is not null)
        {
            json.WritePropertyName("work");
            JsonSerializer.Serialize(json, Work(loops, usage), ResultsJson.Line.WorkTotals);
        }

        json.WriteNumber("loops", loops.Length);
        WriteByLoop(json, loops);
        json.WriteString("backend", server.Loops[0].Loop.BackendName);
        json.WriteString("backend_description", server.Loops[0].Loop.BackendDescription);
        json.WriteString("wait", server.Loops[0].Loop.Wait.ToString().ToLowerInvariant());
        json.WriteStartArray("loop_thread_ids");
        foreach (LoopThread thread in threads)
        {
            json.WriteNumberValue(thread.ThreadId);
        }

        json.WriteEndArray();
        json.WriteNumber("pid", Environment.ProcessId);
        json.WriteEndObject();
    }

    private WorkTotals Work(LoopSnapshot[] loops, CpuUsage process)
    {
        // Read here and not on the loops: each thread's delay lies in a file.
        double? runnableUs = 0;
        foreach (LoopThread thread in threads)
        {
            runnableUs += RunDelay.OfThread(Environment.ProcessId, thread.ThreadId);
        }

        var work = new WorkTotals();
        foreach (LoopSnapshot loop in loops)
        {
            work.Add(loop.Work!);
        }

        work.ProcessCpuUs = process.CpuUs;
        work.RunnableUs = threads.Count == loops.Length ? runnableUs : null;
        return work;
    }

    /// <summary>How the work is spread; everything above is the sum.</summary>
    private static void WriteByLoop(Utf8JsonWriter json, LoopSnapshot[] loops)
    {
        json.WriteStartArray("by_loop");
        foreach (LoopSnapshot loop in loops)
        {
            json.WriteStartObject();
            json.WriteNumber("requests", loop.Requests);
            json.WriteNumber("in_flight", loop.InFlight);
            json.WriteNumber("bytes_in", loop.BytesIn);
            json.WriteNumber("bytes_out", loop.BytesOut);
            json.WriteNumber("connections", loop.Connections);
            json.WriteNumber("connections_accepted", loop.Accepted);
            json.WriteNumber("chunks_in_use", loop.ChunksInUse);
            json.WriteNumber("system_calls", loop.SystemCalls);
            json.WriteNumber("turns", loop.Turns);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteSqesByOpcode(Utf8JsonWriter json, LoopSnapshot[] loops)
    {
        json.WriteStartObject("sqes_by_opcode");
        for (int opcode = 0; opcode < loops[0].SqesByOpcode.Length; opcode++)
        {
            long count = loops.Sum(loop => loop.SqesByOpcode[opcode]);
            if (count != 0)
            {
                json.WriteNumber(opcode.ToString(System.Globalization.CultureInfo.InvariantCulture), count);
            }
        }

        json.WriteEndObject();
    }

    /// <summary>One loop's figures at one moment, taken by the loop itself.</summary>
    private sealed class LoopSnapshot(ServerLoop loop, CountdownEvent answered, WorkTotals? work) : LoopWork
    {
        public long Requests, InFlight, ChunksInUse, BytesIn, BytesOut, Connections, Accepted;

        public long SystemCalls, Enters, Sqes, Cqes, Turns, Sleeps, Overflows, AllocatedBytes;

        public long[] SqesByOpcode { get; } = new long[LoopCounters.OpcodeCount];

        /// <summary>Null where nobody asked for it.</summary>
        public WorkTotals? Work { get; } = work;

        public void Ask() => loop.Loop.Post(this);

        protected override void Run()
        {
            LoopCounters counters = loop.Loop.Counters;
            AllocatedBytes = GC.GetAllocatedBytesForCurrentThread();
            Requests = loop.Requests;
            InFlight = loop.Blocks.RequestsInUse;
            ChunksInUse = loop.ChunksInUse;
            BytesIn = loop.BytesIn;
            BytesOut = loop.BytesOut;
            Connections = loop.Connections;
            Accepted = loop.Accepted;
            SystemCalls = counters.SystemCalls;
            Enters = counters.Enters;
            Sqes = counters.Sqes;
            Cqes = counters.Cqes;
            Turns = counters.Turns;
            Sleeps = counters.Sleeps;
            Overflows = counters.Overflows;
            counters.SqesByOpcode.CopyTo(SqesByOpcode, 0);
            Work?.Take(loop.Loop);
            answered.Signal();
        }
    }
}

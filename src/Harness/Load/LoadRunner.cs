using System.Runtime;
using Harness.Io;
using Harness.Measure;
using Harness.Nbd;
using Harness.Results;
using Harness.Timeline;

namespace Harness.Load;

/// <summary>
/// Drives an NBD server, closed or open loop, and prints what it cost: connect, warm up, measure, sweep what was verified, disconnect. The measured
/// part begins and ends with nothing in flight, so that every call that is counted belongs to an operation that is counted.
/// </summary>
internal static class LoadRunner
{
    // How long after an open loop's schedule what was due within it is still sent: as long as the schedule, so that a stall at its end is seen in full,
    // but not so long that a rate far too high keeps a matrix waiting.
    private static readonly TimeSpan MaxCatchUp = TimeSpan.FromSeconds(10);

    /// <param name="options">Which server, and which load.</param>
    /// <exception cref="HarnessException">It could not be run; the message says why.</exception>
    public static ExitCode Run(LoadOptions options)
    {
        LoadChecks.Options(options);
        using var server = new NbdReach(options.Uri);
        using EventLoop loop = NbdReach.CreateLoop(options.Backend, options.Wait);
        if (options.Rate is not null)
        {
            // The kernel would otherwise wake us up to 50 µs after a request's time.
            TimerSlack.OfThisThreadNs = 1;
        }

        server.SetCongestionControl(options.TcpCongestion);
        NbdClientOptions client = ClientOptions(options, server.Uri);
        using SenderThread? sender = CreateSender(options);
        using var session = new LoadSession(loop, options, handler => server.Connect(loop, client, handler), client, sender?.Loop);
        return Run(options, loop, sender, session);
    }

    /// <summary>The second thread, where the load asks for one.</summary>
    internal static SenderThread? CreateSender(LoadOptions options) =>
        options.Duplex == Duplex.Threads ? new SenderThread(options.Backend, options.Wait) : null;

    private static ExitCode Run(LoadOptions options, EventLoop loop, SenderThread? sender, LoadSession session)
    {
        ExitCode code;
        try
        {
            Require(session.Connect(), session);
            LoadChecks.Export(options, session.Export, session.MaxPayloadBytes);
            code = Measure(options, loop, sender, session);
        }
        catch (HarnessException)
        {
            session.Disconnect();
            throw;
        }

        session.Disconnect();
        return code;
    }

    private static int HeaderBytes(ReplyForm form) => form == ReplyForm.Simple ? Nbd.Replies.SimpleSize : Chunks.MaxDataHeaderBytes;

    /// <summary>A connection that fits the load.</summary>
    internal static NbdClientOptions ClientOptions(LoadOptions options, NbdUri uri) => new()
    {
        ExportName = uri.ExportName,
        Replies = options.Replies,
        HalfDuplex = options.Duplex == Duplex.Half,

        // Two threads share a table of a fixed size; that of one thread grows as it is needed, also for requests that ended at their deadlines.
        MaxInFlight = Math.Max(options.Duplex == Duplex.Threads ? 1024 : 16_384, options.Depth),
        MaxBatchRequests = Math.Min(options.Depth, SendVector.MaxRuns),

        // Twice what the replies in flight can be, so that no receive of theirs ends at the end of the buffer.
        ReceiveBytes = (int)Math.Clamp(2L * options.Depth * (options.RequestBytes + HeaderBytes(options.Replies)), 16 << 10, 64 << 10),
        TimelineEntries = options.Timeline ? TimelineOptions.UsualEntries : 0,
        RequestTimeoutNs = (long)(options.RequestTimeout?.TotalNanoseconds ?? 0),
    };

    private static ExitCode Measure(LoadOptions options, EventLoop loop, SenderThread? sender, LoadSession session)
    {
        // Everything that the measured part touches is allocated here.
        using InstructionMarks? marks = WindowMarks.Asked();
        using ServerCosts? server = options.ServerControl is { } control ? new ServerCosts(control) : null;
        ServerProcess? process = options.ServerPid is { } pid ? new ServerProcess(pid) : null;
        var work = new ClientWork(loop, sender);
        var record = new LoadRecord(isOpen: options.Rate is not null, interval: options.HlogInterval);
        session.Prepare(CreateOracle(options, session.Export));
        WarnOfConnections(options, session.Export);
        (long? ops, TimeSpan duration) = (options.Ops, options.Duration);
        TimeSpan catchUp = duration < MaxCatchUp ? duration : MaxCatchUp;
        var warmup = new Warmup(session, loop, sender, server);
        Require(warmup.Run(options), session);
        // Twice makes what lives as old as it gets: to store a reference to something young costs more, and how old things are now depends on what ran before.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        session.Record(record);
        System.Text.Json.JsonElement? serverStart = server?.ReadAll();
        // Once now, so that nothing of it is done for the first time in the measured part, which begins it again.
        record.Start(loop.NowNs, 0);
        if (process is not null)
        {
            TieringRest.Before(process.Begin, () => JitInfo.GetCompiledMethodCount());
        }

        work.Begin();
        ClientCosts start = ClientCosts.Now(loop, sender);
        marks?.Begin();
        Require(session.RunPhase(ops, duration, catchUp), session);
        marks?.End();
        ClientCosts end = ClientCosts.Now(loop, sender);
        work.End();
        System.Text.Json.JsonElement? serverEnd = server?.ReadAll();
        ServerFigures? served = process?.End(session.Ops)
            ?? (serverStart is { } first && serverEnd is { } last ? ServerCosts.Between(first, last, session.Ops) : null);
        session.Record(null);

        LoadResult result = Figures(options, session, record) with
        {
            WarmupSeconds = Math.Round(warmup.Elapsed.TotalSeconds, 3),
            Client = end.Since(start, session.Ops, loop.BackendName),
            Server = served?.Costs,
            Explain = new Explanation { Client = work.Explained(session.Ops), Server = served?.Explained },
        };
        // The sweep completes requests too, but those belong to no interval.
        long endNs = session.LastCompletedNs;
        string? verified = Sweep(options, session);
        result = result with { Errors = session.Errors, FirstError = session.ErrorLines.FirstOrDefault() };
        Write(options, result, verified, session, record, endNs);
        return session.Errors == 0 ? ExitCode.Done : ExitCode.Failed;
    }

    private static LoadResult Figures(LoadOptions options, LoadSession session, LoadRecord record)
    {
        double seconds = (session.LastCompletedNs - session.StartedNs) / 1e9;
        long count = session.Ops;
        OpenLoopFigures? open = session.OpenLoopFigures(record);
        return new LoadResult
        {
            Ops = count,
            Errors = session.Errors,
            StartedMonotonicNs = session.StartedNs,
            Seconds = seconds,
            Iops = seconds > 0 ? count / seconds : 0,
            BytesPerSecond = seconds > 0 ? session.Bytes / seconds : 0,
            Backend = session.BackendName,
            Wait = options.Wait,
            Replies = session.Replies.ToString().ToLowerInvariant(),
            Arrivals = options.Rate is null ? "closed" : options.Arrivals.ToString().ToLowerInvariant(),
            LatencyUs = LatencyFiles.Summarize(record.Latencies.Sum()),
            ServiceUs = LatencyFiles.Summarize(record.Services),
            SendLagUs = record.SendLags is { } lags ? LatencyFiles.Summarize(lags) : null,
            RateOffered = open?.RateOffered,
            RateAchieved = open?.RateAchieved,
            Unsent = open?.Unsent,
            Saturated = open?.Saturated,
            Client = new SideCosts(),
        };
    }

    private static string? Sweep(LoadOptions options, LoadSession session)
    {
        string Verdict() => session.Errors == 0 ? "all right" : "errors above";
        switch (options.Verify)
        {
            case VerifyMode.None:
                return null;
            case VerifyMode.Versions:
                Require(session.Sweep(), session);
                return $"verified: every read, and {session.SweptBlocks:n0} written blocks in a last sweep; {Verdict()}";
            default:
                return $"verified: every read against {(options.Verify == VerifyMode.Pattern ? "the pattern" : "zeroes")}; {Verdict()}";
        }
    }

    private static void Write(LoadOptions options, LoadResult result, string? verified, LoadSession session, LoadRecord record, long endNs)
    {
        foreach (string line in session.ErrorLines)
        {
            Console.Error.WriteLine($"harness load: {line}");
        }

        if (session.Errors > session.ErrorLines.Count)
        {
            Console.Error.WriteLine($"harness load: and {session.Errors - session.ErrorLines.Count:n0} more errors");
        }

        LoadFiles.Write(options, record, endNs);
        JsonOutput.Write(options.Json, result, types => types.LoadResult);
        if (!JsonOutput.TakesStdout(options.Json))
        {
            using var text = new StringWriter { NewLine = "\n" };
            LoadText.Write(options, result, verified, text);
            StandardOutput.Write(text.ToString());
        }
    }

    private static IDataOracle? CreateOracle(LoadOptions options, ExportInfo export) => options.Verify switch
    {
        VerifyMode.Versions => new VersionsOracle(options.Seed, options.RequestBytes, export.Size / (ulong)options.RequestBytes),
        VerifyMode.Pattern => new PatternOracle(options.RequestBytes),
        VerifyMode.Zeroes => new ZeroesOracle(options.RequestBytes),
        _ => null,
    };

    private static void WarnOfConnections(LoadOptions options, ExportInfo export)
    {
        if (options.Verify == VerifyMode.Versions && options.Connections > 1 && !export.Flags.HasFlag(TransmissionFlags.CanMultiConn))
        {
            Console.Error.WriteLine("harness load: the server does not announce CAN_MULTI_CONN: connections may see each other's writes late; "
                + "use --connections 1 if data looks wrong");
        }
    }

    private static void Require(bool went, LoadSession session)
    {
        if (!went)
        {
            throw new HarnessException(ExitCode.Failed, session.LostReason!);
        }
    }
}

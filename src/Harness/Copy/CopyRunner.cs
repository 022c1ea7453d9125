using Harness.Io;
using Harness.Load;
using Harness.Results;

namespace Harness.Copy;

/// <summary>Copies, flushes, verifies where that was asked for, and says what it cost: <c>harness copy</c>.</summary>
internal static class CopyRunner
{
    /// <param name="options">What to copy, and how.</param>
    /// <param name="stop">Gives the copy up.</param>
    /// <exception cref="HarnessException">It could not be done; the message says why.</exception>
    public static ExitCode Run(CopyOptions options, CancellationToken stop)
    {
        Check(options);
        using EventLoop loop = NbdReach.CreateLoop(options.Backend, options.Wait);
        CopySession? session = null;
        using var ends = new CopyEnds(loop, options, () => session?.Stop());
        using var copy = session = new CopySession(loop, ends.Source, ends.Destination, options);
        using CancellationTokenRegistration interrupt = stop.Register(() => copy.StopFromAnyThread("interrupted"));
        CopyResult? result = null;
        try
        {
            result = Copy(loop, copy, options);
        }
        finally
        {
            ends.Leave(atOnce: result is null);
        }

        Write(options, result);
        return ExitCode.Done;
    }

    private static CopyResult Copy(EventLoop loop, CopySession session, CopyOptions options)
    {
        CopyProgress progress = CopyProgress.OnStderr(loop);
        ClientCosts start = ClientCosts.Now(loop);
        long startNs = loop.NowNs;
        progress.Begin("copied", session.Source.Size, () => session.DataBytes + session.ZeroBytes);
        session.Run(verify: false);
        progress.End();
        RequireWell(session);
        session.Flush();
        RequireWell(session);
        double seconds = (loop.NowNs - startNs) / 1e9;
        SideCosts costs = ClientCosts.Now(loop).Since(start, session.Ops, loop.BackendName);
        if (options.Verify)
        {
            progress.Begin("compared", session.Source.Size, () => session.ComparedBytes);
            session.Run(verify: true);
            progress.End();
            RequireWell(session);
        }

        return new CopyResult
        {
            Source = session.Source.Name,
            Destination = session.Destination.Name,
            SizeBytes = session.Source.Size,
            DataBytes = session.DataBytes,
            ZeroBytes = session.ZeroBytes,
            ComparedBytes = options.Verify ? session.ComparedBytes : null,
            Ops = session.Ops,
            Seconds = seconds,
            BytesPerSecond = seconds > 0 ? session.Source.Size / seconds : 0,
            RequestBytes = session.RequestBytes,
            Requests = options.Requests,
            SourceConnections = session.Source.Connections,
            DestinationConnections = session.Destination.Connections,
            Backend = loop.BackendName,
            Wait = options.Wait,
            Client = costs,
        };
    }

    private static void Check(CopyOptions options)
    {
        if (options.Verify && CopyEnds.IsNull(options.Destination))
        {
            throw new HarnessException(ExitCode.Usage, "--verify reads back what was written, and null: keeps nothing; leave one of them away");
        }

        long inFlight = (long)options.Connections * options.Requests * options.RequestBytes * (options.Verify ? 2 : 1);
        long memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (inFlight > memory)
        {
            throw new HarnessException(ExitCode.Usage, $"--connections {options.Connections} × --requests {options.Requests} × --request-size {options.RequestBytes} needs "
                + $"{inFlight >> 20} MiB of memory, and this machine has {memory >> 20}; make one of them smaller");
        }

        OutputFile.Check("--json", options.Json);
    }

    /// <summary>An end that was lost is why its requests failed, so that comes first.</summary>
    private static void RequireWell(CopySession session)
    {
        string? trouble = session.Source.LostReason ?? session.Destination.LostReason ?? session.Trouble;
        if (trouble is not null)
        {
            ulong copied = session.DataBytes + session.ZeroBytes;
            string reached = $"{copied} of {session.Source.Size} bytes were copied, without a gap up to offset {session.WholeUpTo}";
            throw new HarnessException(ExitCode.Failed, $"{trouble}; {reached}");
        }

        if (session.Difference is { } offset)
        {
            throw new HarnessException(ExitCode.Failed, $"{session.Destination.Name} differs from {session.Source.Name} at offset {offset}, after the copy");
        }
    }

    private static void Write(CopyOptions options, CopyResult result)
    {
        JsonOutput.Write(options.Json, result, types => types.CopyResult);
        if (!JsonOutput.TakesStdout(options.Json))
        {
            using var text = new StringWriter { NewLine = "\n" };
            CopyText.Write(result, text);
            StandardOutput.Write(text.ToString());
        }
    }
}

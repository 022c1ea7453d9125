using Harness.Io;
using Harness.Load;
using Harness.Nbd;
using Harness.Results;

namespace Harness.Timeline;

/// <summary>Loads a server over one connection and records what the client's two sides do: <c>harness timeline</c>.</summary>
internal static class TimelineRunner
{
    private const string TraceEnding = ".json";
    private const string PictureEnding = ".svg";

    /// <exception cref="HarnessException">It could not be run; the message says why.</exception>
    public static ExitCode Run(TimelineOptions options)
    {
        LoadChecks.Options(options.Load);
        OutputFile.Check("--json", options.Json);
        OutputFile.Check("--out", options.Out is { } prefix ? prefix + TraceEnding : null);
        OutputFile.Check("--out", options.Out is { } other ? other + PictureEnding : null);
        using var server = new NbdReach(options.Load.Uri);
        using EventLoop loop = NbdReach.CreateLoop(options.Load.Backend, options.Load.Wait);
        NbdClientOptions client = LoadRunner.ClientOptions(options.Load, server.Uri) with { TimelineEntries = options.Entries };
        using SenderThread? sender = LoadRunner.CreateSender(options.Load);
        using var session = new LoadSession(loop, options.Load, handler => server.Connect(loop, client, handler), client, sender?.Loop);
        Recording recording;
        try
        {
            recording = Record(options, loop, sender, session);
        }
        finally
        {
            session.Disconnect();
        }

        foreach (string line in session.ErrorLines)
        {
            Console.Error.WriteLine($"harness timeline: {line}");
        }

        Write(options, recording);
        return session.Errors == 0 ? ExitCode.Done : ExitCode.Failed;
    }

    private static Recording Record(TimelineOptions options, EventLoop loop, SenderThread? sender, LoadSession session)
    {
        Require(session.Connect(), session);
        LoadChecks.Export(options.Load, session.Export, session.MaxPayloadBytes);
        session.Prepare(null);

        // By time, not by count: the code has to be compiled before what it costs can be told from what it waits for.
        Require(new Warmup(session, loop, sender).Run(options.Load with { Ops = null }), session);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        session.Record(null);
        Quiet(session.Client);
        session.Client.Timeline!.Clear();
        session.Client.SenderTimeline?.Clear();
        Require(session.RunPhase(options.Load.Ops, TimeSpan.Zero), session);
        double seconds = (session.LastCompletedNs - session.StartedNs) / 1e9;
        Quiet(session.Client);
        ClientTimeline timeline = session.Client is { SenderTimeline: { } writes, Timeline: { } reads }
            ? ClientTimeline.Merged(writes, reads)
            : session.Client.Timeline!;
        return Recording.Of(options.Load.Uri, timeline, session.StartedNs, session.Ops, seconds, options.Load.Duplex);
    }

    /// <summary>Waits until a write side on another thread has heard that its last send is over; with nothing in flight that is a moment away.</summary>
    private static void Quiet(NbdClient client)
    {
        while (client.SenderTimeline is not null && client.WriteState != WriteState.Ready && client.IsReady)
        {
            Thread.Yield();
        }
    }

    private static void Write(TimelineOptions options, Recording recording)
    {
        string shape = LoadText.Shape(options.Load, null);
        if (options.Out is { } prefix)
        {
            WriteFile(prefix + TraceEnding, ChromeTrace.Of(recording));
            WriteFile(prefix + PictureEnding, TimelineSvg.Of(recording, shape, options.Window));
        }

        JsonOutput.Write(options.Json, recording.Document(), types => types.TimelineDocument);
        if (!JsonOutput.TakesStdout(options.Json))
        {
            using var text = new StringWriter { NewLine = "\n" };
            TimelineText.Write(recording, shape, text);
            if (options.Out is not null)
            {
                text.WriteLine($"written: {options.Out}{TraceEnding} (open it in https://ui.perfetto.dev) and {options.Out}{PictureEnding}");
            }

            StandardOutput.Write(text.ToString());
        }
    }

    private static void WriteFile(string path, string text)
    {
        try
        {
            File.WriteAllText(path, text);
        }
        catch (Exception e) when (FileTrouble.Is(e))
        {
            throw OutputFile.Refused("--out", path, e);
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

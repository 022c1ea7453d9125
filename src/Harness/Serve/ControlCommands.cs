using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Harness.Ctl;
using Harness.Matrix;
using Harness.Nbd;
using Harness.Results;

namespace Harness.Serve;

/// <summary>
/// What <c>harness ctl</c> asks for, done: one line of JSON in, one out. Each client of the control socket has a thread of its own, so what takes its time is
/// waited for here.
/// </summary>
internal sealed class ControlCommands(NbdServer server, ControlStats stats)
{
    private const string All = "all";
    private const string Reason = "ctl drain";

    // What is longer was not meant: nobody would be left to see its end.
    private static readonly TimeSpan s_longest = TimeSpan.FromDays(1);

    private readonly ControlGraph _graph = new(server);
    private readonly ControlCopies _copies = new(server);
    private readonly List<(string Node, DrainSection Section)> _held = [];

    /// <summary>Answers a line, without its end.</summary>
    /// <param name="line">A <see cref="ControlRequest"/>.</param>
    /// <param name="progress">Sends a line before the answer; throws an <see cref="IOException"/> where the client has gone.</param>
    public byte[] Answer(ReadOnlySpan<byte> line, Action<byte[]> progress)
    {
        try
        {
            ControlRequest request = JsonSerializer.Deserialize(line, ResultsJson.Line.ControlRequest)!;
            return Do(request, progress);
        }
        catch (BlockException e)
        {
            return Refuse(e.Message, e.IsUsage);
        }
        catch (Exception e) when (e is HarnessException or TimeoutException)
        {
            return Refuse(e.Message);
        }
        catch (JsonException e)
        {
            return Refuse($"that is no request of ctl's: {OneLine.Of(e.Message)}", isUsage: true);
        }
        catch (Exception e) when (e is not IOException)
        {
            // Whatever was asked for, those who are served have not asked for it: the server goes on.
            return Refuse($"this is a bug, please report it: {e}");
        }
    }

    /// <summary>
    /// The server is going to end: what was held goes on, since it is to be answered, and copies are cancelled. Returns when they have ended.
    /// </summary>
    public void End()
    {
        foreach ((_, DrainSection section) in Take(null))
        {
            section.End();
        }

        _copies.Cancel();
    }

    private byte[] Do(ControlRequest request, Action<byte[]> progress) => request.Command switch
    {
        ControlWords.Stats => Json(Stats(request), ResultsJson.Line.BlockStatsDocument),
        ControlWords.Graph => Json(_graph.Document(), ResultsJson.Line.GraphDocument),
        ControlWords.Drain => Json(Drain(request), ResultsJson.Line.DrainDocument),
        ControlWords.Resume => Json(Resume(request), ResultsJson.Line.ResumeDocument),
        ControlWords.Insert => Change(request, server.Changes.InsertAsync(NodeOf(request), ChainOf(request), request.NewId)),
        ControlWords.Remove => Change(request, server.Changes.RemoveAsync(NodeOf(request))),
        ControlWords.Replace => Change(request, server.Changes.ReplaceAsync(NodeOf(request), ChainOf(request))),
        ControlWords.Reparent => Change(request, server.Changes.ReparentAsync(NodeOf(request), ChainOf(request))),
        ControlWords.Copy => Json(_copies.Run(request, progress), ResultsJson.Line.CopyDocument),
        _ => Refuse(Suggest.Unknown("command", request.Command ?? string.Empty, ControlWords.All), isUsage: true),
    };

    private BlockStatsDocument Stats(ControlRequest request)
    {
        using var counters = JsonDocument.Parse(stats.ToJson());
        return _graph.Stats(counters.RootElement.Clone(), TimeOf("--for", request.ForMs));
    }

    private DrainDocument Drain(ControlRequest request)
    {
        TimeSpan? time = TimeOf("--for", request.ForMs);
        TimeSpan? deadline = request.DeadlineMs is 0 ? TimeSpan.Zero : TimeOf("--deadline", request.DeadlineMs);
        long deadlineNs = deadline is { } patience ? (long)patience.TotalNanoseconds : GraphChanges.DefaultDeadlineNs;
        var options = new DrainOptions { Reason = Reason, DeadlineNs = deadlineNs };
        DrainSection section = request.Node is { } id ? server.Drains.Begin(server.Nodes.Get(id), options) : server.Drains.BeginAll(options);
        string node = request.Node ?? All;
        lock (_held)
        {
            _held.Add((node, section));
        }

        DrainOutcome outcome = section.Done.GetAwaiter().GetResult();
        if (!outcome.IsQuiet)
        {
            Forget(section);
            throw new BlockException(string.Join("; ", outcome.Report));
        }

        if (time is { } held)
        {
            Task.Delay(held).ContinueWith(
                _ =>
                {
                    Forget(section);
                    section.End();
                },
                TaskScheduler.Default);
        }

        return new DrainDocument { Node = node, TookUs = outcome.TookNs / 1000.0, ResumesAfterMs = request.ForMs };
    }

    /// <summary>A time that was asked for; null where none was.</summary>
    private static TimeSpan? TimeOf(string option, double? ms) => ms switch
    {
        null => null,
        > 0 and { } some when some <= s_longest.TotalMilliseconds => TimeSpan.FromMilliseconds(some),
        _ => throw new BlockException($"{option}: {ms} ms is no time above zero, up to a day") { IsUsage = true },
    };

    private ResumeDocument Resume(ControlRequest request)
    {
        string node = request.Node ?? All;
        List<(string Node, DrainSection Section)> ended = Take(request.Node);
        if (ended.Count == 0)
        {
            // Looked for only now: what was drained may have left the graph since, and its drain is ended by the same name.
            _ = request.Node is { } id ? server.Nodes.Get(id) : null;
            throw new BlockException($"'{node}' is not drained by ctl; {Held()}");
        }

        ended.ForEach(held => held.Section.End());
        return new ResumeDocument { Node = node, Ended = ended.Count };
    }

    /// <summary>Takes out of the list what was drained by this ID, or everything.</summary>
    private List<(string Node, DrainSection Section)> Take(string? node)
    {
        lock (_held)
        {
            List<(string Node, DrainSection Section)> taken = [.. _held.Where(held => node is null || held.Node == node)];
            _held.RemoveAll(taken.Contains);
            return taken;
        }
    }

    private void Forget(DrainSection section)
    {
        lock (_held)
        {
            _held.RemoveAll(held => held.Section == section);
        }
    }

    private string Held()
    {
        lock (_held)
        {
            return _held.Count == 0 ? "nothing is" : $"what is: {string.Join(", ", _held.Select(held => held.Node))}";
        }
    }

    private static byte[] Change(ControlRequest request, Task<GraphChange> task)
    {
        GraphChange change = task.GetAwaiter().GetResult();
        var document = new ChangeDocument
        {
            Command = request.Command,
            Node = request.Node!,
            Added = change.Added,
            Gone = change.Removed,
            TookUs = change.QuietNs / 1000.0,
        };
        return Json(document, ResultsJson.Line.ChangeDocument);
    }

    internal static string NodeOf(ControlRequest request) => request.Node ?? throw new BlockException($"{request.Command}: which node?") { IsUsage = true };

    internal static string ChainOf(ControlRequest request) => request.Chain ?? throw new BlockException($"{request.Command}: which chain?") { IsUsage = true };

    private static byte[] Refuse(string message, bool isUsage = false) =>
        Json(new ControlError { Error = OneLine.Of(message), IsUsage = isUsage }, ResultsJson.Line.ControlError);

    private static byte[] Json<T>(T document, JsonTypeInfo<T> type) => JsonSerializer.SerializeToUtf8Bytes(document, type);
}

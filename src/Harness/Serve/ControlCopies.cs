using System.Diagnostics;
using System.Text.Json;
using Harness.Ctl;
using Harness.Nbd;
using Harness.Results;

namespace Harness.Serve;

/// <summary>The copies that a server does in the background for clients of its control socket. Any thread.</summary>
internal sealed class ControlCopies(NbdServer server)
{
    private static readonly TimeSpan s_between = TimeSpan.FromMilliseconds(200);

    // How long a server that ends waits for what copies have in flight.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    private readonly List<BlockCopy> _running = [];

    // Copies that are whole and could not take their node's place.
    private readonly List<BlockCopy> _ready = [];
    private bool _ended;

    /// <summary>Copies, and returns when it is done. It is cancelled where the client has gone.</summary>
    /// <param name="request">What is to be copied, and where to.</param>
    /// <param name="progress">Takes a line now and then; throws an <see cref="IOException"/> where the client has gone.</param>
    /// <exception cref="BlockException">The copy cannot be, or has failed; everything is as it was.</exception>
    public CopyDocument Run(ControlRequest request, Action<byte[]> progress)
    {
        long began = Stopwatch.GetTimestamp();
        if (ControlCommands.ChainOf(request) is ['@', .. var id])
        {
            BlockCopy ready = TakeReady(ControlCommands.NodeOf(request), id);
            return Document(ready, Switch(ready), began);
        }

        BlockCopy copy = server.CopyAsync(ControlCommands.NodeOf(request), ControlCommands.ChainOf(request), request.NewId).GetAwaiter().GetResult();
        lock (_running)
        {
            _running.Add(copy);
            if (_ended)
            {
                copy.Cancel();
            }
        }

        try
        {
            return Document(copy, Wait(copy, progress), began);
        }
        finally
        {
            lock (_running)
            {
                _running.Remove(copy);
            }

            KeepIfReady(copy);
        }
    }

    /// <summary>Cancels all; returns when they have ended, or when patience has.</summary>
    public void Cancel()
    {
        BlockCopy[] running;
        lock (_running)
        {
            _ended = true;
            running = [.. _running];
        }

        Array.ForEach(running, copy => copy.Cancel());
        foreach (BlockCopy copy in running)
        {
            Task.WhenAny(copy.Done, Task.Delay(s_patience)).GetAwaiter().GetResult();
        }
    }

    private static CopyDocument Document(BlockCopy copy, GraphChange change, long began) => new()
    {
        Node = copy.Node,
        NewNode = copy.NewNode,
        Gone = change.Removed,
        SizeBytes = (long)copy.Size,
        Seconds = Stopwatch.GetElapsedTime(began).TotalSeconds,
        TookUs = change.QuietNs / 1000.0,
    };

    private BlockCopy TakeReady(string node, string id)
    {
        lock (_running)
        {
            BlockCopy? ready = _ready.Find(copy => copy.Node == node && copy.NewNode == id);
            if (ready is null)
            {
                string problem = $"copy {node} @{id}: no copy of {node} to {id} is waiting to take its place; give a chain to copy to, like memory:1G";
                throw new BlockException(problem) { IsUsage = true };
            }

            _ready.Remove(ready);
            return ready;
        }
    }

    private GraphChange Switch(BlockCopy ready)
    {
        try
        {
            return ready.SwitchAsync().GetAwaiter().GetResult();
        }
        finally
        {
            KeepIfReady(ready);
        }
    }

    private void KeepIfReady(BlockCopy copy)
    {
        lock (_running)
        {
            _ready.RemoveAll(kept => !kept.IsReady);
            if (copy.IsReady)
            {
                _ready.Add(copy);
            }
        }
    }

    private static GraphChange Wait(BlockCopy copy, Action<byte[]> progress)
    {
        try
        {
            while (Task.WhenAny(copy.Done, Task.Delay(s_between)).GetAwaiter().GetResult() != copy.Done)
            {
                var line = new NodeCopyProgress { CopiedBytes = (long)copy.Copied, SizeBytes = (long)copy.Size };
                progress(JsonSerializer.SerializeToUtf8Bytes(line, ResultsJson.Line.NodeCopyProgress));
            }
        }
        catch (IOException) when (!copy.Done.IsCompleted)
        {
            copy.Cancel();
            throw;
        }

        return copy.Done.GetAwaiter().GetResult();
    }
}

using Harness.Io;

namespace Harness.Nbd;

/// <content>
/// Entering an export, by GO or EXPORT_NAME, and leaving it. Where clients may be inside one at a time only, this one may have to wait:
/// then nothing more that it says is looked at, and the time of its handshake stands still; one that hangs up leaves the queue.
/// </content>
internal sealed partial class ServerConnection
{
    private EntranceTurn? _turn;

    // The export that it is inside, or waits to be.
    private NbdExport? _entering;
    private InfoTypes _wantedInfo;
    private bool _inside;

    // It waits for its turn to enter. Nothing that it sends is looked at before then, but whether it is still there.
    private bool _waitsToEnter;

    /// <summary>The client asks to enter: it does at once, or when it is its turn.</summary>
    private void EnterWhenFree(NbdExport export, InfoTypes wanted)
    {
        _entering = export;
        _wantedInfo = wanted;
        _turn = export.Graph.ThreadModel == ThreadModel.SerializeConnections ? new EntranceTurn(this) : null;
        if (export.Graph.Entrance.Enter(_turn, _transport.Loop))
        {
            _inside = true;
            EnterNow(export);
            return;
        }

        // Until its turn comes it is treated like one that is being answered, except that it is listened to: it may leave.
        _answering = true;
        _waitsToEnter = true;
        _transport.Loop.StopTimer(_handshakeTimer);
        _server.Log.Line($"{_transport.Peer}: waits for the client before it to leave export '{export.Name}', which serves one at a time");
    }

    /// <summary>The one before has left, and this client is inside.</summary>
    private void OnTurn()
    {
        _inside = true;
        _answering = false;
        _waitsToEnter = false;
        if (_ending == Ending.None)
        {
            _transport.Loop.StartTimer(_handshakeTimer, _transport.Loop.NowNs + _options.HandshakeTimeoutNs);
            EnterNow(_entering!);
            AtTurnEnd();
        }
        else if (_ending == Ending.Gone)
        {
            LeaveExport();
        }
    }

    private void EnterNow(NbdExport export)
    {
        bool byName = _option.Option == NbdOption.ExportName;
        if (Open(export) is { } problem)
        {
            RefuseEntry(problem, byName);
        }
        else if (byName)
        {
            Answer(_home.Answers.ExportName(export, (_clientFlags & ClientFlags.NoZeroes) != 0, _form), AfterAnswer.Transmit);
        }
        else
        {
            Answer(_home.Answers.Info(_option.Option, export, _wantedInfo, _form), AfterAnswer.Transmit);
        }
    }

    /// <summary>Opens the export. Returns what went wrong, or null.</summary>
    private string? Open(NbdExport export)
    {
        try
        {
            export.Graph.Open();
            _graph = export.Graph;
            AgreeOnRules(export);
            return null;
        }
        catch (IOException e)
        {
            return e.Message;
        }
    }

    private void RefuseEntry(string problem, bool byName)
    {
        LeaveExport();
        if (byName)
        {
            Break($"closed: {problem}");
            return;
        }

        _server.Log.Line($"{_transport.Peer}: {problem}");
        AnswerError(OptionReplyType.ErrUnknown, "the export cannot be opened; the server's log says why");
    }

    /// <summary>Makes way for the next: when nothing of this client is in flight any more, or when it could not enter.</summary>
    private void LeaveExport()
    {
        if (_entering is not { } export)
        {
            return;
        }

        if (_inside)
        {
            _inside = false;
            _entering = null;
            export.Graph.Entrance.Leave();
        }
        else if (export.Graph.Entrance.Withdraw(_turn!))
        {
            _entering = null;
        }
    }

    /// <summary>What is posted to the connection's loop when its turn has come.</summary>
    private sealed class EntranceTurn(ServerConnection connection) : LoopWork
    {
        protected override void Run() => connection.OnTurn();
    }
}

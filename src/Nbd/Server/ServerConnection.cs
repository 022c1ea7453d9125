using Harness.Io;
using Harness.Io.Native;

namespace Harness.Nbd;

/// <summary>
/// One client of the server, from the accept to the close. It speaks only to a transport, and everything in it happens on one loop's thread. This file has
/// its life and its end; beside it are the handshake, the receiving side and the sending side, which never wait for each other.
/// </summary>
internal sealed partial class ServerConnection : IIoHandler, IBlockRequestOwner, ITurnEndHandler, ITimerHandler
{
    private readonly ServerLoop _home;
    private readonly NbdServer _server;
    private readonly NbdServerOptions _options;
    private readonly ITransport _transport;
    private readonly IoOperation _receive;
    private readonly IoOperation _send;
    private readonly IoOperation _close;
    private readonly LoopTimer _handshakeTimer;
    private Ending _ending;
    private bool _turnEndAsked;
    private bool _heardFrom;

    public ServerConnection(ServerLoop home, NbdServer server, ITransport transport)
    {
        _home = home;
        _server = server;
        _options = server.Options;
        _transport = transport;
        _receive = new IoOperation(this);
        _send = new IoOperation(this);
        _close = new IoOperation(this);
        _handshakeTimer = new LoopTimer(this);
    }

    /// <summary>How far the connection is on its way to its end.</summary>
    private enum Ending
    {
        /// <summary>It serves.</summary>
        None,

        /// <summary>Nothing more is received; what is in flight is finished and answered, then it closes.</summary>
        Finishing,

        /// <summary>The transport is being closed. What was not sent is dropped; what is in flight in the graph is waited for.</summary>
        Closing,

        /// <summary>The transport is closed; requests may still be in flight in the graph.</summary>
        Closed,

        /// <summary>Everything has been given back, once.</summary>
        Gone,
    }

    /// <summary>Its place in the loop's list.</summary>
    public int ListIndex { get; set; } = -1;

    /// <summary>Its place among those that hold a receive chunk; meaningful while it does.</summary>
    public int HolderIndex { get; set; } = -1;

    /// <summary>Greets the client and starts the clock of the handshake.</summary>
    public void Start()
    {
        _transport.Loop.StartTimer(_handshakeTimer, _transport.Loop.NowNs + _options.HandshakeTimeoutNs);
        Greet();
    }

    /// <summary>The server drains: nothing more is received, what is in flight is answered, then the connection closes.</summary>
    public void Drain()
    {
        if (_phase == Phase.Transmission)
        {
            Finish();
        }
        else
        {
            Break(reason: null);
        }
    }

    /// <inheritdoc/>
    public void OnCompleted(IoOperation operation, int result)
    {
        if (operation == _receive)
        {
            OnReceived(result);
        }
        else if (operation == _send)
        {
            OnSent(result);
        }
        else
        {
            _ending = Ending.Closed;
            TryEnd();
        }
    }

    /// <inheritdoc/>
    public void OnTurnEnd()
    {
        _turnEndAsked = false;
        if (_stalled)
        {
            ResumeParsing();
        }

        SendReplies();
        ReceiveMore();
        TryEnd();
    }

    /// <inheritdoc/>
    public void OnTimer(LoopTimer timer) =>
        Break($"closed: the handshake was not finished within {_options.HandshakeTimeoutNs / 1_000_000_000.0:0.#} s");

    private void AtTurnEnd()
    {
        if (!_turnEndAsked)
        {
            _turnEndAsked = true;
            _transport.Loop.AtTurnEnd(this);
        }
    }

    /// <summary>Receives no more; closes when the last reply has been sent.</summary>
    private void Finish()
    {
        if (_ending == Ending.None)
        {
            _ending = Ending.Finishing;
            _transport.Cancel(_receive);
            AtTurnEnd();
        }
    }

    /// <summary>Closes now. Replies that wait to be sent are dropped.</summary>
    /// <param name="reason">One line for the log, or null where there is nothing worth telling.</param>
    private void Break(string? reason)
    {
        if (_ending >= Ending.Closing)
        {
            return;
        }

        if (reason is not null)
        {
            _server.Log.Line($"{_transport.Peer}: {reason}");
        }

        _ending = Ending.Closing;
        _transport.Loop.StopTimer(_handshakeTimer);
        _transport.Close(_close);
        DropQueuedReplies();
        AtTurnEnd();
    }

    /// <summary>Takes the next step towards the end, where there is one to take.</summary>
    private void TryEnd()
    {
        if (_ending != Ending.None && !_receive.IsPending)
        {
            DropArriving();
        }

        if (_ending == Ending.Finishing && _inFlight == 0 && !_send.IsPending)
        {
            Break(reason: null);
        }
        else if (_ending == Ending.Closed && _inFlight == 0 && _abandoned is null or { Count: 0 })
        {
            _ending = Ending.Gone;
            FreeReceiving();
            FreeSending();
            LeaveExport();
            LeaveNamed();
            _home.Remove(this);
        }
    }
}

using Harness.Nbd;

namespace Harness.Tests;

/// <summary>One connection of a program: what it has asked for and not been answered.</summary>
internal sealed class EngineClient
{
    private readonly SimulatedTransport _transport;
    private readonly EngineReplies _replies;

    public EngineClient(SimulatedServer world, ReplyForm form, bool hasContext, Cuts cuts)
    {
        Form = form;
        HasContext = hasContext;
        _transport = world.Connect(cuts);
        uint? option = form switch { ReplyForm.Structured => 8, ReplyForm.Extended => 11, _ => null };
        byte[] select = hasContext ? Wire.Option(10, Wire.Queries("disk", "base:allocation")) : [];
        _transport.Write([.. Wire.Flags(), .. option is { } asked ? Wire.Option(asked) : [], .. select, .. Wire.Go("disk")]);
        world.Settle();
        _transport.Forget();
        _replies = new EngineReplies(form, cookie => Waiting.TryGetValue(cookie, out EngineRequest? request) && request.IsRead ? (int)request.Length : 0);
    }

    public ReplyForm Form { get; }

    /// <summary>Whether it has selected base:allocation, so that it may ask for BLOCK_STATUS.</summary>
    public bool HasContext { get; }

    public Dictionary<ulong, EngineRequest> Waiting { get; } = [];

    /// <summary>It has said that it sends no more.</summary>
    public bool IsLeaving { get; private set; }

    public bool IsClosed => _transport.IsClosed;

    public void Send(EngineRequest request)
    {
        Waiting.Add(request.Cookie, request);
        _transport.Write(request.OnTheWire(Form));
    }

    /// <summary>Takes bytes from the server only up to so many, until it is called again.</summary>
    public void Allow(long bytes) => _transport.AllowSending(bytes);

    /// <summary>Says goodbye, or just shuts down its side; either way it still wants what it has asked for.</summary>
    public void Leave(bool politely)
    {
        IsLeaving = true;
        if (politely)
        {
            _transport.Write(Form == ReplyForm.Extended ? Wire.ExtendedRequest(NbdCommand.Disconnect, 0, 0, 0) : Wire.Disconnect());
        }
        else
        {
            _transport.HangUp();
        }
    }

    /// <summary>Vanishes.</summary>
    public void Reset() => _transport.Reset();

    /// <summary>The replies that have come since the last call.</summary>
    public List<List<WireChunk>> Receive(Func<WireChunk, IEnumerable<WireChunk>> alter)
    {
        byte[] received = _transport.Sent;
        _transport.Forget();
        return _replies.Add(received, alter);
    }
}

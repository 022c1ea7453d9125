namespace Harness.Copy;

/// <summary>
/// One request in flight: a piece on its way from the source to the destination, with its memory; or, in a pass that verifies, read from both and compared.
/// </summary>
internal sealed class CopySlot : ICopyHandler
{
    private readonly CopySession _session;
    private readonly CopyPort _from;
    private readonly CopyPort _to;
    private readonly CopyMemory _data;
    private readonly CopyMemory _back;
    private Step _step;
    private bool _failed;

    public CopySlot(CopySession session, int number)
    {
        _session = session;
        _from = session.Source.NewPort(number, this);
        _to = session.Destination.NewPort(number, this);
        _data = new CopyMemory(session.Memory);
        _back = new CopyMemory(session.Memory);
    }

    private enum Step
    {
        Done,
        Reading,
        Writing,
        Zeroing,
        ReadingForComparison,
        ReadingBack,
    }

    /// <summary>The piece, until the session has heard of its end.</summary>
    public CopyPiece Piece { get; private set; }

    /// <summary>The piece was zeroes, by the source's word or by its data.</summary>
    public bool WasZero { get; private set; }

    /// <summary>Copies a piece.</summary>
    public void Copy(CopyPiece piece)
    {
        Begin(piece);
        GoOn(piece.IsZero ? AfterZeroes() : Step.Reading);
    }

    /// <summary>Compares a piece at both ends.</summary>
    public void Compare(CopyPiece piece)
    {
        Begin(piece);
        GoOn(piece.IsZero ? Step.ReadingBack : Step.ReadingForComparison);
    }

    public void Completed(int error) => GoOn(After(error));

    private void Begin(CopyPiece piece)
    {
        Piece = piece;
        WasZero = piece.IsZero;
        _failed = false;
    }

    /// <summary>Goes from step to step until one is left pending, or the piece is done.</summary>
    private void GoOn(Step step)
    {
        while (step != Step.Done)
        {
            _step = step;
            if (Start() is not { } error)
            {
                return;
            }

            step = After(error);
        }

        _data.Release();
        _back.Release();
        if (!_failed)
        {
            _session.Count(this);
        }

        _session.Ended(this);
    }

    private int? Start() => _step switch
    {
        Step.Reading or Step.ReadingForComparison => _from.Start(CopyAction.Read, Piece.Offset, Piece.Length, _data),
        Step.Writing => _to.Start(CopyAction.Write, Piece.Offset, Piece.Length, _data),
        Step.Zeroing => _to.Start(CopyAction.Zero, Piece.Offset, Piece.Length, null),
        _ => _to.Start(CopyAction.Read, Piece.Offset, Piece.Length, _back),
    };

    /// <summary>What comes next.</summary>
    private Step After(int error)
    {
        if (error != 0)
        {
            _failed = true;
            bool isSource = _step is Step.Reading or Step.ReadingForComparison;
            _session.Fail(this, error, isSource, Verb, isSource ? _from.Said : _to.Said);
            return Step.Done;
        }

        switch (_step)
        {
            case Step.Reading when !_session.Destination.DropsData && _session.SeeksZeroes && IsZero():
                WasZero = true;
                return AfterZeroes();
            case Step.Reading:
                return Step.Writing;
            case Step.ReadingForComparison:
                return Step.ReadingBack;
            case Step.ReadingBack:
                Judge();
                return Step.Done;
            default:
                return Step.Done;
        }
    }

    private string Verb => _step switch
    {
        Step.Writing => "write",
        Step.Zeroing => "zero",
        Step.ReadingBack => "read back",
        _ => "read",
    };

    /// <summary>How zeroes get to the destination: not at all, without data, or as data.</summary>
    private Step AfterZeroes()
    {
        if (_session.ZeroesAreThere)
        {
            return Step.Done;
        }

        if (_session.ZeroesWithoutData)
        {
            return Step.Zeroing;
        }

        _data.First(Piece.Length).Span.Clear();
        return Step.Writing;
    }

    private bool IsZero() => !_data.First(Piece.Length).Span.ContainsAnyExcept((byte)0);

    private void Judge()
    {
        Span<byte> back = _back.First(Piece.Length).Span;
        int same = Piece.IsZero ? back.IndexOfAnyExcept((byte)0) : back.CommonPrefixLength(_data.First(Piece.Length).Span);
        if (same >= 0 && same < back.Length)
        {
            _session.Differ(Piece.Offset + (ulong)same);
        }
    }
}

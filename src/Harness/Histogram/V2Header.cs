namespace HdrHistogram;

/// <summary>What precedes the counts in the V2 encoding, and what it allows them to be. Big-endian; the offsets are those of the fields below.</summary>
internal readonly record struct V2Header(int PayloadLength, int Digits, long Lowest, long Highest, int SlotCount)
{
    public const int Size = 40;
    public const int PayloadLengthOffset = 4;
    public const int Cookie = CookieBase | V2Marker;
    public const int CompressedCookie = 0x1c849304 | V2Marker;

    private const int CookieBase = 0x1c849303;

    // Where older encodings put the size of a count there is a 1: counts have no fixed size.
    private const int V2Marker = 0x10;
    private const int MarkerMask = 0xf0;

    public static V2Header For(HistogramBase histogram) => new(
        PayloadLength: 0,
        histogram.NumberOfSignificantValueDigits,
        histogram.LowestTrackableValue,
        histogram.HighestTrackableValue,
        histogram.Counts.Length);

    public void Write(ByteBuffer target)
    {
        target.PutInt(Cookie);
        target.PutInt(PayloadLength);
        target.PutInt(0); // How far the writer's counts array was rotated; of no meaning to the reader.
        target.PutInt(Digits);
        target.PutLong(Lowest);
        target.PutLong(Highest);
        target.PutDouble(1.0); // By what a histogram of floating-point values scales them.
    }

    public static V2Header Read(ByteBuffer source, long minBarForHighest)
    {
        CheckCookie(source.GetInt(), Cookie, "V2-encoded");
        int payloadLength = source.GetInt();

        // The counts are written in the order of their values, whatever the rotation; hdr-histogram-js always claims 1 here, and bytes that
        // are no sensible number as the ratio below. Both are passed over.
        source.GetInt();
        int digits = source.GetInt();
        long lowest = source.GetLong();
        long highest = Math.Max(source.GetLong(), minBarForHighest);
        source.GetDouble();

        if (!BucketLayout.TryCreate(lowest, highest, digits, out BucketLayout layout, out string? problem))
        {
            throw new InvalidDataException($"The histogram's header is not valid: {problem}.");
        }

        if (payloadLength < 0 || payloadLength > (long)layout.Length * ZigZag.MaxBytes)
        {
            throw new InvalidDataException($"The histogram's header announces {payloadLength} bytes for {layout.Length} counts.");
        }

        return new V2Header(payloadLength, digits, lowest, highest, layout.Length);
    }

    public static void CheckCookie(int cookie, int expected, string kind)
    {
        if ((cookie & ~MarkerMask) == (expected & ~MarkerMask))
        {
            return;
        }

        string found = (cookie & ~MarkerMask) switch
        {
            CookieBase => "plain, not compressed",
            CompressedCookie & ~MarkerMask => "compressed, not plain",
            0x1c849301 or 0x1c849302 => "in the V1 encoding of before 2015, which is not read here",
            0x1c849308 or 0x1c849309 => "in the V0 encoding of before 2014, which is not read here",
            _ when cookie is 0x0c72124e or 0x0c72124f => "a histogram of floating-point values, which is not read here",
            _ => "not a histogram",
        };
        throw new InvalidDataException($"A {kind} histogram was expected; the data is {found} (it starts with 0x{cookie:x8}).");
    }

    /// <summary>Walks over all counts without keeping any: too many of them, a sum past 63 bits and a cut-off number are found here.</summary>
    public void CheckCounts(ByteBuffer payload)
    {
        long total = 0;
        foreach ((int _, long count) in Counts(payload))
        {
            total += count;
            if (total < 0)
            {
                throw new InvalidDataException("The histogram's counts add up to more than 63 bits hold.");
            }
        }
    }

    /// <summary>The counts that are not zero, with the slots they belong to.</summary>
    public IEnumerable<(int Index, long Count)> Counts(ByteBuffer payload)
    {
        int end = payload.Position + PayloadLength;
        long index = 0;
        while (payload.Position < end)
        {
            long number = ZigZag.Get(payload);
            long slots = number < 0 ? unchecked(-number) : 1;
            if (payload.Position > end || slots < 0 || slots > SlotCount - index)
            {
                throw new InvalidDataException($"The histogram's counts do not end where its header says: {SlotCount} counts in {PayloadLength} bytes.");
            }

            if (number > 0)
            {
                yield return ((int)index, number);
            }

            index += slots;
        }
    }
}

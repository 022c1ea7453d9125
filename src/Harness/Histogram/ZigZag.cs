namespace HdrHistogram;

/// <summary>
/// Signed numbers in 1 to 9 bytes, small ones in few: the sign in the lowest bit, seven bits to a byte, lowest first, the top bit set on all but
/// the last. Unlike in plain LEB128 the ninth byte carries eight bits, so none needs a tenth ("LEB128-64b9B" in the V2 format's description).
/// </summary>
internal static class ZigZag
{
    public const int MaxBytes = 9;

    public static void Put(ByteBuffer buffer, long value)
    {
        ulong rest = (ulong)((value << 1) ^ (value >> 63));
        for (int i = 1; i < MaxBytes && rest > 0x7f; i++)
        {
            buffer.Put((byte)(rest | 0x80));
            rest >>= 7;
        }

        buffer.Put((byte)rest);
    }

    public static long Get(ByteBuffer buffer)
    {
        ulong result = 0;
        for (int shift = 0; shift < 56; shift += 7)
        {
            byte next = buffer.Get();
            result |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
            {
                return Signed(result);
            }
        }

        return Signed(result | ((ulong)buffer.Get() << 56));
    }

    private static long Signed(ulong zigZag) => (long)(zigZag >> 1) ^ -(long)(zigZag & 1);
}
